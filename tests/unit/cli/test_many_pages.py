"""Several pages or jobs at once, at a gateway that does not answer."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.exits import UNREACHABLE
from cli.main import main
from tests.unit.cli.test_answers import server

JOBS = [f"01a22752-c257-729a-a21a-71d7258423{number:02}" for number in range(9)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["send", *(f"https://video.test/{number}" for number in range(9))], "the 8 pages after it"),
        (["cancel", *JOBS], ""),
    ],
    ids=["send", "cancel"],
)
async def test_only_the_first_waits_for_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    said: str,
) -> None:
    """Nobody waits for the same silence nine times."""
    monkeypatch.setattr("cli.http._ANSWER_S", 0.3)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLIPFERRY_API_KEY", "cf_1")
    async with server(None) as (url, seen), asyncio.timeout(20):
        monkeypatch.setattr("sys.argv", ["clipferry", "--url", url, *arguments])
        status = await asyncio.to_thread(main)

    assert status == UNREACHABLE
    assert len([line for line in seen if line.endswith("HTTP/1.1")]) == 1
    errors = capsys.readouterr().err
    assert "has not answered within 0.3 s" in errors
    assert said in errors
