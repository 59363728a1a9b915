"""What a person reads."""

import io

import pytest
from rich.console import Console

from cli.words import clean, columns, ending_of, facts


def test_a_title_cannot_steer_the_terminal() -> None:
    assert clean("a\x1b[2Jb\rc\u202ed\n") == "a\ufffd[2Jb\ufffdc\ufffdd\ufffd"


def test_columns_stand_under_each_other() -> None:
    assert list(columns([("JOB", "STATUS"), ("1", None), ("234567", "queued")])) == [
        "JOB      STATUS",
        "1",
        "234567   queued",
    ]


def test_no_rows_are_no_lines() -> None:
    assert list(columns([])) == []


def test_nested_facts_have_dotted_names() -> None:
    found = facts({"a": {"b": True, "c": None}, "d": ["x", 1]})

    assert found == [("a.b", "true"), ("a.c", "none"), ("d", "x, 1")]


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        ({"status": "cancelled"}, "cancelled"),
        (
            {"status": "failed", "error": {"code": "GONE", "message": "It is gone."}},
            "failed: GONE It is gone.",
        ),
        (
            {"status": "completed", "result": {"telegramMessageId": 7, "metadata": {"duration": 8.04, "size": 2500}}},
            "arrived: message 7, 8.0 s, 2 kB",
        ),
    ],
)
def test_how_a_job_ended_is_one_line(job: dict[str, object], sentence: str) -> None:
    assert ending_of(job) == sentence


def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Emacs shell, a serial line: no control codes there either."""
    from cli.bars import open_bars  # noqa: PLC0415

    monkeypatch.setenv("TERM", "dumb")

    with open_bars(Console(file=io.StringIO(), force_terminal=True)) as display:
        assert type(display).__name__ == "Lines"
