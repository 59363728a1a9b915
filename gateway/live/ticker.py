"""When clients are written to: the first news of a quiet line at once, what follows a tick later, together."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway.live.bundle import Bundle

_LINE_S = 50e-6
"""Ten times what a write costs: writing takes a tenth of the time at most, up to a hundred lines."""


class Line(Protocol):
    """A client's line."""

    tick: int
    """The tick in which it was last written to."""

    def flush(self) -> None:
        """Write what it is owed."""


class Ticker:
    """Has all lines written to in common ticks, which pass only while there is something to write.

    A tick is as long as it pays: the few lines of a small gateway need not wait for what writing to them costs.

    Args:
        loop: Calls back.
        tick_s: Longest time between two writes to a line that has news.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, tick_s: float) -> None:
        self._loop = loop
        self._tick_s = tick_s
        self._tick = 0
        self._soon: list[Line] = []
        """Quiet lines with news; they have a turn of the loop, as much is often told in one."""
        self._later: list[Line] = []
        """Those that were written to in this tick already."""
        self._is_ticking = False
        self._empty = Bundle()

    def join(self, line: Line) -> Bundle:
        """Have `line` flushed, once; returns the empty bundle, which all lines of a tick begin with."""
        if line.tick == self._tick:
            self._later.append(line)
            return self._empty
        if not self._soon:
            self._loop.call_soon(self._flush_soon)
        self._soon.append(line)
        return self._empty

    def _flush_soon(self) -> None:
        lines, self._soon = self._soon, []
        self._flush(lines)

    def _flush(self, lines: Sequence[Line]) -> None:
        if not self._is_ticking:
            # Before the writes: they may take longer than a tick, and then what has come meanwhile is due at once.
            self._is_ticking = True
            self._loop.call_later(min(self._tick_s, len(lines) * _LINE_S), self._next_tick)
        tick = self._tick
        for line in lines:
            line.tick = tick
            line.flush()

    def _next_tick(self) -> None:
        self._is_ticking = False
        self._tick += 1
        if self._later:
            lines, self._later = self._later, []
            self._flush(lines)
