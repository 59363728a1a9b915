"""When lines are written to."""

import asyncio
from collections.abc import Callable
from typing import Any

from gateway.live.bundle import Bundle
from gateway.live.ticker import Ticker
from tests.fakes.eventually import eventually

TICK_S = 0.005


class HandLoop:
    """A loop whose turns and timers are taken by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def call_later(self, after_s: float, call: Callable[[], None]) -> None:
        self.later.append((after_s, call))

    def turn(self) -> None:
        """Do what is due at once."""
        calls, self.soon = self.soon, []
        for call in calls:
            call()

    def end_tick(self) -> float:
        """Let the only timer fire; returns how long it ran, in seconds."""
        ((after_s, call),), self.later = self.later, []
        call()
        return after_s


class NotedLine:
    """A line that notes what leaves in each write."""

    def __init__(self, ticker: Ticker) -> None:
        self.tick = -1
        self.writes: list[bytes] = []
        self._ticker = ticker
        self._bundle: Bundle | None = None

    def tell(self, frame: bytes) -> None:
        self._bundle = (self._bundle or self._ticker.join(self)).then(frame, None)

    def flush(self) -> None:
        assert self._bundle is not None, "flushed twice"
        self.writes += [piece.data for piece in self._bundle.pieces()]
        self._bundle = None


def at_hand(lines_count: int) -> tuple[HandLoop, list[NotedLine]]:
    loop: Any = HandLoop()
    ticker = Ticker(loop, tick_s=TICK_S)
    return loop, [NotedLine(ticker) for _ in range(lines_count)]


def test_the_first_news_leave_at_the_end_of_the_turn_and_what_follows_a_tick_later_together() -> None:
    loop, (line,) = at_hand(1)

    line.tell(b"1")
    line.tell(b"2")
    loop.turn()
    assert line.writes == [b"12"]
    line.tell(b"3")
    loop.turn()
    line.tell(b"4")
    loop.turn()
    assert line.writes == [b"12"]
    loop.end_tick()

    assert line.writes == [b"12", b"34"]


def test_a_line_that_was_quiet_for_a_tick_is_written_to_at_once_again_and_no_timer_runs_for_it() -> None:
    loop, (line,) = at_hand(1)
    line.tell(b"1")
    loop.turn()
    loop.end_tick()
    assert loop.later == []

    line.tell(b"2")
    loop.turn()

    assert line.writes == [b"1", b"2"]


def test_a_quiet_line_does_not_wait_for_a_busy_one() -> None:
    loop, (busy, quiet) = at_hand(2)
    busy.tell(b"1")
    loop.turn()
    busy.tell(b"2")

    quiet.tell(b"1")
    loop.turn()

    assert (busy.writes, quiet.writes) == ([b"1"], [b"1"])


def test_a_busy_line_is_written_to_once_a_tick() -> None:
    loop, (line,) = at_hand(1)
    line.tell(b"0")
    loop.turn()
    for number in range(1, 4):
        line.tell(b"%d" % number)
        loop.end_tick()
        loop.turn()

    assert line.writes == [b"0", b"1", b"2", b"3"]


def test_a_tick_is_as_long_as_it_pays() -> None:
    for lines_count, tick_s in ((1, 0.00005), (10, 0.0005), (100, TICK_S), (1_000, TICK_S)):
        loop, lines = at_hand(lines_count)
        for line in lines:
            line.tell(b"1")
        loop.turn()

        assert abs(loop.end_tick() - tick_s) < 1e-9


async def test_on_a_real_loop() -> None:
    line = NotedLine(Ticker(asyncio.get_running_loop(), tick_s=TICK_S))
    line.tell(b"1")
    line.tell(b"2")
    await asyncio.sleep(0)
    line.tell(b"3")

    async def wrote_twice() -> bool:
        return len(line.writes) == 2

    await eventually(wrote_twice)
    assert line.writes == [b"12", b"3"]
