"""No log line holds a secret."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from services.chassis.logs import redacted, set_up_logs


@pytest.fixture
def restored_logs() -> Iterator[None]:
    """What `set_up_logs` changes is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("POST /bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendVideo", "POST /bot123456:…/sendVideo"),
        ("authorization: Bearer eyJhbGciOi.J9.abc-DEF_1", "authorization: Bearer …"),
        ("GET https://site.example/v.mp4?sig=abc&t=1 failed", "GET https://site.example/v.mp4?… failed"),
        ("at https://site.example/cb#access_token=abcdef0123", "at https://site.example/cb?…"),
        ("nothing to hide at 12:30", "nothing to hide at 12:30"),
    ],
)
def test_secrets_are_cut_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_a_line_is_json_with_action_and_facts(capsys: pytest.CaptureFixture[str], restored_logs: None) -> None:
    set_up_logs(service="queue", level="INFO")

    structlog.get_logger("x").info("A job was leased.", action="job_leased", url="https://a.example/?token=1")
    logging.getLogger("asyncio").warning("plain %s", "https://b.example/?token=2")

    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["event"], first["action"], first["service"]) == ("A job was leased.", "job_leased", "queue")
    assert first["url"] == "https://a.example/?…"
    assert second["event"] == "plain https://b.example/?…"


def test_a_trace_is_redacted_too(capsys: pytest.CaptureFixture[str], restored_logs: None) -> None:
    set_up_logs(service="queue", level="INFO")

    try:
        raise ValueError("bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw")
    except ValueError:
        structlog.get_logger("x").exception("It failed.", action="failed")

    assert "AAHdq" not in capsys.readouterr().out
