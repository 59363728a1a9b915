"""What a person sees where there is no terminal."""

import io

from rich.console import Console

from sandbox.run.screen import Screen
from sandbox.run.trip import Ending


def test_plain_lines_tell_each_stage_and_each_quarter() -> None:
    """One line per stage and per 25 %, without control characters: a log stays readable."""
    paper = io.StringIO()
    with Screen(Console(file=paper, force_terminal=False, width=200)) as screen:
        for percent in range(0, 61, 5):
            screen.show({"progress": percent, "stage": "downloading", "message": f"at {percent}"})
        screen.show({"progress": 61, "stage": "sending", "message": "Sending to Telegram"})
        screen.end(succeeded=True, sentence="done")

    lines = [line.split() for line in paper.getvalue().splitlines() if line]
    assert [(line[0], line[2]) for line in lines] == [
        ("0.0", "downloading"),
        ("25.0", "downloading"),
        ("50.0", "downloading"),
        ("61.0", "sending"),
    ]
    assert "\x1b" not in paper.getvalue()


def test_a_wait_tells_which_attempt_failed_and_when_the_next_begins() -> None:
    paper = io.StringIO()
    job = {"status": "queued", "nextAttemptAt": "2026-01-02T03:04:05.000Z", "attempt": 1, "maxAttempts": 3}
    with Screen(Console(file=paper, force_terminal=False, width=200)) as screen:
        screen.show({"progress": 0, "stage": "waiting", "message": "Telegram cannot be reached.", "job": job})
        screen.show({"progress": 1, "stage": "downloading", "message": "Downloading", "job": job | {"status": "x"}})

    waiting, running = paper.getvalue().splitlines()
    assert "Telegram cannot be reached. Attempt 1 of 3 failed; the next begins at " in waiting
    assert ":04:05." in waiting
    assert running.endswith("Downloading")


def test_bars_show_bytes_and_fill_up() -> None:
    paper = io.StringIO()
    with Screen(Console(file=paper, force_terminal=True, width=120)) as screen:
        screen.show({"progress": 10, "stage": "downloading", "bytesDone": 1_000_000, "bytesTotal": 4_000_000})
        screen.show({"progress": 70, "stage": "sending", "bytesDone": 2_000_000, "bytesTotal": 4_000_000})
        screen.end(succeeded=True, sentence="message 7")

    shown = paper.getvalue()
    assert "sending" in shown
    assert "2.0 MB of 4.0 MB" in shown
    assert "100.0 %" in shown
    assert "message 7" in shown


def test_endings_in_one_line() -> None:
    metadata = {"width": 640, "height": 360, "duration": 8.0, "size": 2_573_344}
    arrived = Ending("j", "completed", {"telegramMessageId": 5, "metadata": metadata}, {})
    failed = Ending("j", "failed", {}, {"code": "NO_VIDEO", "message": "There is no video on the page."})

    assert arrived.sentence == "message 5, 640x360, 8.0 s, 2.6 MB"
    assert failed.sentence == "failed: NO_VIDEO There is no video on the page."
