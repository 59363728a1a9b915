"""A job on one line, whatever the width."""

from typing import Any

import pytest

from cli.bar_line import bar_line

MB = 1_000_000


def job(status: str = "processing", page: str = "https://video.test/films/gulls", **fields: Any) -> dict[str, Any]:
    return {
        "id": "01a22752-c257-729a-a21a-71d725842398",
        "status": status,
        "stage": "downloading" if status == "processing" else None,
        "progress": 45.0,
        "message": "Downloading… 18.2 of 46.9 MB",
        "title": None,
        "videoData": {"pageUrl": page},
        "bytesDone": round(18.2 * MB),
        "bytesTotal": round(46.9 * MB),
        "speedBps": round(3.4 * MB),
        "etaSeconds": 9,
        "error": None,
        "result": None,
        **fields,
    }


RESULT: dict[str, Any] = {
    "telegramMessageId": 7,
    "metadata": {"title": "Gulls", "width": 640, "height": 360, "duration": 8, "size": 3 * MB},
}
WAITS: dict[str, Any] = {
    "message": "No bytes.",
    "attempt": 1,
    "maxAttempts": 3,
    "nextAttemptAt": "2026-06-01T12:00:46.000Z",
}
JOBS = {
    "running": job(),
    "huge": job(bytesDone=128_400 * MB, bytesTotal=246_900 * MB, speedBps=113 * MB, etaSeconds=5_000),
    "wide letters": job(title="ドリフトする色" * 8),
    "steering": job(title="a\x1b[2Jb\nc" * 30),
    "queued": job("queued", message="Waiting in queue"),
    "to be retried": job("queued", **WAITS),
    "arrived": job("completed", progress=100, result=RESULT),
    "failed": job("failed", error={"code": "NO_VIDEO", "message": "There is no video on this page. " * 9}),
}


@pytest.mark.parametrize("width", [40, 60, 80, 124, 300])
@pytest.mark.parametrize("name", JOBS)
def test_it_is_one_line(name: str, width: int) -> None:
    """Never wider than the terminal, and without anything that moves the cursor."""
    line = bar_line(JOBS[name], width)

    assert line.cell_len <= width
    assert line.plain.isprintable()


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, "gulls           ━━━━━━━  45 %  ↓ 18.2 of 46.9 MB, 9 s left"),
        (80, "gulls                ━━━━━━━━━━  45 %  ↓ 18.2 of 46.9 MB, 3.4 MB/s, 9 s left"),
    ],
)
def test_numbers_that_matter_most_stay(width: int, said: str) -> None:
    """Bytes, then the time left, then the speed; each is said once."""
    assert bar_line(JOBS["running"], width).plain == said


def test_where_there_is_room_it_says_what_it_does() -> None:
    assert bar_line(JOBS["running"], 124).plain.endswith("Downloading 18.2 of 46.9 MB, 3.4 MB/s, 9 s left")


def test_what_was_said_before_a_break_is_not_said_beside_what_is_known_now() -> None:
    """The message of the stage may be older than the bytes: only one of them is shown."""
    assert "0.6" not in bar_line(job(message="Downloading… 0.6 of 46.9 MB"), 200).plain


def test_a_job_that_is_being_cancelled_says_so() -> None:
    assert "Cancelling" in bar_line(job(cancelRequested=True, message="Cancelling"), 80).plain


def test_what_has_arrived_loses_the_least_first() -> None:
    assert bar_line(JOBS["arrived"], 80).plain.endswith("100 %  arrived: message 7, 640x360, 8.0 s")
    assert bar_line(JOBS["arrived"], 124).plain.endswith("100 %  arrived: message 7, 640x360, 8.0 s, 3.0 MB")


def test_what_does_not_run_has_room_for_its_reason() -> None:
    assert "━" not in bar_line(JOBS["failed"], 80).plain
    assert "failed: NO_VIDEO There is no video on this page. There" in bar_line(JOBS["failed"], 80).plain
