"""What a person sees in the terminal: bars where there is one, plain lines where there is none."""

from datetime import datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

_STEP_PERCENT = 25
ENDED = frozenset({"completed", "failed", "cancelled"})


def human(size_bytes: float) -> str:
    """Return bytes for people."""
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1000:.0f} kB"


def _when_again(message: dict[str, Any]) -> str:
    """Return which attempt failed and when the next begins; empty unless the job waits for one."""
    job = message.get("job") or message
    if job.get("status") != "queued" or not job.get("nextAttemptAt"):
        return ""
    at = datetime.fromisoformat(job["nextAttemptAt"]).astimezone()
    return f"Attempt {job['attempt']} of {job['maxAttempts']} failed; the next begins at {at:%H:%M:%S}."


class Screen:
    """Shows one job from its WebSocket messages. Use as a block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("  {task.description:<12}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>5.1f} %"),
            TextColumn("{task.fields[note]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self._whole = self._bars.add_task("whole trip", total=100, note="waiting")
        self._stages: dict[str, TaskID] = {}
        self._told: tuple[str, int] = ("", 0)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, message: dict[str, Any]) -> None:
        """Show a ``job:progress``, or any message with `progress`, `message` and `stage`."""
        percent, stage = float(message.get("progress") or 0), str(message.get("stage") or "")
        sentence = " ".join(filter(None, [str(message.get("message") or ""), _when_again(message)]))
        if self._console.is_terminal:
            self._bars.update(self._whole, completed=percent, note=sentence)
            self._show_stage(stage, message)
        elif self._is_news(stage, percent):
            self._console.print(f"  {percent:5.1f} %  {stage:<12} {sentence}", highlight=False)

    def _show_stage(self, stage: str, message: dict[str, Any]) -> None:
        done, total = int(message.get("bytesDone") or 0), int(message.get("bytesTotal") or 0)
        if not stage or stage == "waiting":
            return
        if stage not in self._stages:
            self._finish_stages()
            self._stages[stage] = self._bars.add_task(stage, total=None, note="")
        note = f"{human(done)} of {human(total)}" if total else human(done) if done else ""
        if speed := int(message.get("speedBps") or 0):
            note += f" at {human(speed)}/s"
        self._bars.update(self._stages[stage], completed=done, total=total or None, note=note)

    def _is_news(self, stage: str, percent: float) -> bool:
        if not stage:
            return False
        now = (stage, int(percent) // _STEP_PERCENT)
        is_news = now != self._told
        self._told = now
        return is_news

    def end(self, *, succeeded: bool, sentence: str) -> None:
        """Fill the bars when it arrived, and say how it ended."""
        if succeeded:
            self._finish_stages()
            self._bars.update(self._whole, completed=100)
        self._bars.update(self._whole, note=sentence)

    def _finish_stages(self) -> None:
        for bar in self._bars.tasks:
            if bar.id != self._whole:
                total = bar.total or bar.completed or 1
                self._bars.update(bar.id, total=total, completed=total)
