"""What is on a terminal while jobs run, and what stays there."""

import io

import pytest
from rich.console import Console

from cli.bars import _Bars
from tests.unit.cli.test_bar_line import job

HEIGHT = 10


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=HEIGHT, color_system=None)


def drawn(console: Console, bars: _Bars) -> list[str]:
    with console.capture() as capture:
        console.print(bars)
    return capture.get().splitlines()


def test_more_jobs_than_lines(console: Console) -> None:
    """Those that run come first, and the others are counted: a picture that is too high cannot be drawn over."""
    bars = _Bars(console)
    for number in range(40):
        status = "processing" if number == 30 else "queued"
        bars.show({**job(status, message="Waiting in queue"), "id": f"{number:036}"})

    lines = drawn(console, bars)

    assert len(lines) < HEIGHT
    assert "Downloading" in lines[0] or "↓" in lines[0]
    assert lines[-1] == "… and 33 more"


def test_what_has_ended_makes_room(console: Console) -> None:
    """It scrolls away above the others, and nothing is lost."""
    bars = _Bars(console)
    with bars.live:
        for number in range(20):
            bars.show({**job(page=f"https://video.test/film-{number}"), "id": f"{number:036}"})
        for number in range(20):
            bars.show({**job("cancelled", page=f"https://video.test/film-{number}"), "id": f"{number:036}"})

    assert isinstance(console.file, io.StringIO)
    assert all(f"film-{number} " in console.file.getvalue() for number in range(20))
    assert len(drawn(console, bars)) < HEIGHT


def test_why_it_failed_is_told_in_full(console: Console) -> None:
    why = "There is no video on this page, and what else there is about it takes more than one line to tell."
    bars = _Bars(console)
    bars.show(job("failed", error={"code": "NO_VIDEO", "message": why}))

    with console.capture() as capture:
        bars.tell_failures()

    assert capture.get() == f"gulls (25842398) failed: NO_VIDEO {why}\n"


def test_a_notice_stands_below(console: Console) -> None:
    """For as long as it is true."""
    bars = _Bars(console)
    bars.show(job())

    bars.notice("Nothing is heard from https://nas.test; reconnecting…")
    assert drawn(console, bars)[-1] == "Nothing is heard from https://nas.test; reconnecting…"

    bars.notice("")
    assert len(drawn(console, bars)) == 1
