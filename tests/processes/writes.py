"""How many bytes a process and all its descendants, living and dead, caused to be written to a disk."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_LOOK_EVERY_S = 0.005


class WriteMeter:
    """Watches process trees for the length of the block.

    Descendants come and go, and take their counters with them; so the newest count of each is kept.

    Args:
        pids: Roots of the trees.
    """

    def __init__(self, *pids: int) -> None:
        self._roots = pids
        self._first: dict[tuple[int, str], int] = {}
        self._last: dict[tuple[int, str], int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look(is_first=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look(is_first=False)

    @property
    def written_bytes(self) -> int:
        """Bytes since the block began; processes that were born in it count from zero."""
        return sum(count - self._first.get(process, 0) for process, count in self._last.items())

    @property
    def process_count(self) -> int:
        """Processes that were seen."""
        return len(self._last)

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self._look(is_first=False)

    def _look(self, *, is_first: bool) -> None:
        pending = list(self._roots)
        while pending:
            pid = pending.pop()
            try:
                born, written = _read(pid)
                pending += _children(pid)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            self._last[pid, born] = written
            if is_first:
                self._first[pid, born] = written


def descendants(pid: int) -> list[int]:
    """Return a process and all that come from it, as of now."""
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        pending += _children(found[-1])
    return found


def _read(pid: int) -> tuple[str, int]:
    """Return when a process was born, which with its id names it, and what it has written."""
    proc = Path(f"/proc/{pid}")
    born = (proc / "stat").read_text().rpartition(")")[2].split()[19]
    counters = dict(line.split(": ") for line in (proc / "io").read_text().splitlines())
    return born, int(counters["write_bytes"])


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found
