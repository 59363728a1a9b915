"""Byte counts of one attempt, made into one line that only rises."""

import math
from collections.abc import Callable

from services.chassis.clock import Clock
from services.processor.core.run import FetchStage, Moved, Progress, Stage

_FOUND = 5.0
_DOWNLOADED = 70.0
_MUXED = 75.0
_SENT = 99.0
"""Where each stage ends. 100 is only ever said by the queue, when the job is completed."""

_STAGES = {
    FetchStage.DOWNLOADING: (Stage.DOWNLOADING, _FOUND, _DOWNLOADED, "Downloading…"),
    FetchStage.TRANSCODING: (Stage.TRANSCODING, _FOUND, _MUXED, "Re-encoding…"),
    FetchStage.MUXING: (Stage.MUXING, _DOWNLOADED, _MUXED, "Joining picture and sound…"),
}


class ProgressLine:
    """The progress of one attempt.

    Args:
        emit: Gets every step; must not wait.
        guess_bytes: Size to measure against while the site does not say one: half of the stage is gone after it.
    """

    def __init__(self, emit: Callable[[Progress], None], clock: Clock, *, guess_bytes: int) -> None:
        self._emit = emit
        self._clock = clock
        self._guess_bytes = max(1, guess_bytes)
        self._percent = 0.0
        self._title = ""
        self._stage: Stage | None = None
        self._stage_at_s = 0.0
        self._stage_start = 0.0

    def probing(self) -> None:
        """Say that the site is being asked."""
        self._say(Stage.PROBING, 0.0, "Looking at the page…")

    def found(self, title: str) -> None:
        """Say that the site has answered, and what it calls the video."""
        self._title = title
        self._say(Stage.PROBING, _FOUND, "Found the video…")

    def waiting(self) -> None:
        """Say that memory has to become free before anything goes on."""
        self._say(self._stage or Stage.PROBING, max(self._percent, _FOUND), "Waiting for memory…")

    def moved(self, moved: Moved) -> None:
        """Say how far the download is."""
        stage, start, end, text = _STAGES[moved.stage]
        part = self._part(moved.done_bytes, moved.total_bytes) if moved.done_share is None else moved.done_share
        if stage is Stage.TRANSCODING:
            start = self._start_of(stage)
            text = f"{text} {part:.0%}"
        elif stage is not Stage.MUXING:
            text = f"{text} {_amount(moved.done_bytes, moved.total_bytes)}"
        self._say(
            stage,
            start + (end - start) * part,
            text,
            done_bytes=moved.done_bytes,
            total_bytes=moved.total_bytes,
            bytes_per_second=moved.bytes_per_second,
        )

    def preparing(self) -> None:
        """Say that the file is whole and being looked at."""
        # Stages never go back: what was re-encoded has been joined on the way.
        self._say(Stage.TRANSCODING if self._stage is Stage.TRANSCODING else Stage.MUXING, _MUXED, "Preparing…")

    def sending(self, sent_bytes: int, size_bytes: int) -> None:
        """Say how much of the file Telegram took."""
        part = min(1.0, sent_bytes / max(1, size_bytes))
        speed = self._speed(Stage.SENDING, sent_bytes)
        text = f"Sending to Telegram… {_amount(sent_bytes, size_bytes)}"
        percent = _MUXED + (_SENT - _MUXED) * part
        self._say(Stage.SENDING, percent, text, done_bytes=sent_bytes, total_bytes=size_bytes, bytes_per_second=speed)

    def awaiting_turn(self, wait_s: float, size_bytes: int) -> None:
        """Say that Telegram takes no message for this chat yet."""
        self._say(
            Stage.SENDING, _MUXED, f"Waiting about {math.ceil(wait_s)} s for Telegram's limits…", total_bytes=size_bytes
        )
        # The speed is that of the upload, which begins after the wait.
        self._stage_at_s = self._clock.monotonic_s() + wait_s

    def put_off(self, wait_s: float, size_bytes: int) -> None:
        """Say that a recording is kept, because it was refused for a time."""
        text = f"The recording is kept; it is sent again in about {math.ceil(wait_s)} s…"
        self._say(Stage.SENDING, _MUXED, text, total_bytes=size_bytes)

    def _start_of(self, stage: Stage) -> float:
        """Return where a stage begins that comes early or late: at what was reached before it."""
        if stage is not self._stage:
            self._stage_start = self._percent
        return self._stage_start

    def _part(self, done_bytes: int, total_bytes: int) -> float:
        if total_bytes > 0:
            return min(1.0, done_bytes / total_bytes)
        return done_bytes / (done_bytes + self._guess_bytes)

    def _speed(self, stage: Stage, done_bytes: int) -> int:
        elapsed_s = self._clock.monotonic_s() - self._stage_at_s
        return int(done_bytes / elapsed_s) if stage is self._stage and elapsed_s > 0 else 0

    def _say(
        self,
        stage: Stage,
        percent: float,
        message: str,
        *,
        done_bytes: int = 0,
        total_bytes: int = 0,
        bytes_per_second: int = 0,
    ) -> None:
        if stage is not self._stage:
            self._stage, self._stage_at_s = stage, self._clock.monotonic_s()
        self._percent = max(self._percent, percent)
        self._emit(
            Progress(
                stage=stage,
                percent=self._percent,
                message=message,
                done_bytes=done_bytes,
                total_bytes=total_bytes,
                bytes_per_second=bytes_per_second,
                title=self._title,
            )
        )


def _amount(done_bytes: int, total_bytes: int) -> str:
    """Return such as ``12.3 of 40.1 MB``; a megabyte is 1,000,000 bytes, as in Telegram's limits."""
    done = f"{done_bytes / 1e6:.1f}"
    return f"{done} of {total_bytes / 1e6:.1f} MB" if total_bytes > 0 else f"{done} MB"
