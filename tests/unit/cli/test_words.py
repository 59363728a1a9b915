"""What a person reads."""

import io

import pytest
from rich.console import Console

from cli.words import clean, columns, ending_of, groups, short_name_of


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


def test_what_is_not_known_is_left_out() -> None:
    """And a title of which nothing is left; no line says `none`."""
    jobs: list[tuple[str, object]] = [("waiting", 3), ("oldest", None), ("failed so far", 0)]
    memory: list[tuple[str, object]] = [("most at once", None)]

    assert list(groups({"Jobs": jobs, "Memory": memory})) == ["Jobs", "  waiting        3", "  failed so far  0"]


@pytest.mark.parametrize(
    ("page", "title", "name"),
    [
        ("https://video.test/films/a-film", None, "a-film"),
        ("https://video.test/films/", None, "films"),
        ("https://video.test/watch?v=1", None, "watch?v=1"),
        ("https://video.test/", None, "video.test"),
        ("https://video.test/films/a-film", "A film/2", "A film/2"),
    ],
)
def test_a_short_name_is_the_title_or_the_end_of_the_address(page: str, title: str | None, name: str) -> None:
    assert short_name_of({"videoData": {"pageUrl": page}, "title": title, "result": None}) == name


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
