"""Lists of jobs, and how jobs are named in other commands."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.credentials import Fixed
from cli.exits import CommandError
from cli.gateway import Gateway
from cli.job_cache import remember
from cli.job_ids import short, whole_id
from cli.job_table import narrow_lines, whole_rows
from cli.moments import ago
from cli.target import Target
from tests.fakes.gateway_client import queue_and_gateway
from tests.unit.cli.test_bar_line import job

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG = "There is no video on this page, and what else there is about it takes more than one line."
ADDED = {"addedAt": "2026-06-01T12:00:00.000Z"}


@pytest.mark.parametrize("width", [60, 80, 132])
def test_a_list_fits_the_terminal(width: int) -> None:
    """A line for each job, and one for why it failed."""
    jobs = [
        job(title="ドリフトする色" * 20, **ADDED),
        job("failed", error={"code": "NO_VIDEO", "message": LONG}, **ADDED),
    ]

    _, running, failed, why = narrow_lines(jobs, width)

    assert all(len(line) <= width for line in (running, failed, why))
    assert running.startswith("25842398  processing 45 %")
    assert why.strip().startswith("NO_VIDEO There is no video on this page")


def test_a_whole_list_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are of this machine's zone, and say how far that is from UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        _, row = whole_rows([job("failed", error={"code": "NO_VIDEO", "message": LONG}, **ADDED)])
    finally:
        monkeypatch.undo()
        time.tzset()

    assert row[0] == "01a22752-c257-729a-a21a-71d725842398"
    assert row[3:] == ("2026-06-01T21:00:00+09:00", "https://video.test/films/gulls", f"NO_VIDEO {LONG}")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=30), "30 h ago"),
        (timedelta(days=9), "9 days ago"),
    ],
)
def test_how_long_ago(before: timedelta, said: str) -> None:
    """Also where the clocks of two machines differ."""
    assert ago((NOW - before).isoformat(), NOW) == said


async def test_the_end_of_an_id_names_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it was seen before or not; what names none is left for the gateway to refuse."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    async with queue_and_gateway(tmp_path) as (_, admin):
        sent = await admin.submit()

        def named(given: str) -> str:
            with Gateway(Target(f"http://127.0.0.1:{admin.port}", Fixed(admin.token), {})) as gateway:
                return whole_id(gateway, given)

        for given, meant in ((short(sent["id"]), sent["id"]), (sent["id"], sent["id"]), ("0" * 8, "0" * 8)):
            assert await asyncio.to_thread(named, given) == meant

        twins: list[dict[str, Any]] = [{**job(), "id": f"{first}-0000-7000-8000-000012345678"} for first in "ab"]
        remember(twins)
        with pytest.raises(CommandError, match="Several jobs end with 12345678"):
            await asyncio.to_thread(named, "12345678")
