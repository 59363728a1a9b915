"""Time that stands still until a test moves it."""

import asyncio
import heapq
import itertools


class FakeClock:
    """A `services.chassis.clock.Clock` in the test's hand.

    Args:
        start_ms: Wall-clock time at the start.
    """

    def __init__(self, start_ms: int = 1_800_000_000_000) -> None:
        self._elapsed_s = 0.0
        self._start_ms = start_ms
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def time_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + delay_s, next(self._order), woken))
        await woken

    def advance(self, by_s: float) -> None:
        """Let `by_s` seconds pass, and wake everybody whose time has come."""
        self._elapsed_s += by_s
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


async def let_others_run() -> None:
    """Let every task that can run without time, threads or sockets run until it waits for one of them."""
    for _ in range(20):
        await asyncio.sleep(0)
