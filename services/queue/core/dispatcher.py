"""When work is handed out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from services.chassis.clock import Clock
from services.queue.core.job import ACTIVE
from services.queue.core.placing import Offer
from services.queue.core.ports import Change


class Takers(Protocol):
    """The connected workers."""

    def offers(self) -> Sequence[Offer]:
        """Return what they can take now."""

    def next_offer_in_s(self) -> float | None:
        """Return when one that must pause between two jobs may take the next; None when none pauses."""


class Dispatcher:
    """Asks for work whenever a worker or a job has become ready, and never otherwise.

    Args:
        takers: The connected workers.
        begin: Begins runs on them; returns in how many seconds the next waiting job becomes due, None when none will.
        clock: Tells when that is.
    """

    def __init__(
        self, takers: Takers, begin: Callable[[Sequence[Offer]], Awaitable[float | None]], clock: Clock
    ) -> None:
        self._takers = takers
        self._begin = begin
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that a worker or a job may have become ready."""
        self._woken.set()

    def follow(self, changes: Iterable[Change]) -> None:
        """Take in changes of jobs: one that waits may be due, the end of one makes room for another."""
        if any(change.state not in ACTIVE for change in changes):
            self.wake()

    async def run(self) -> None:
        """Dispatch until cancelled."""
        while True:
            self._woken.clear()
            offers = self._takers.offers()
            due_in_s = await self._begin(offers) if offers else None
            pauses_s = [pause_s for pause_s in (due_in_s, self._takers.next_offer_in_s()) if pause_s is not None]
            await self._rest(min(pauses_s, default=None))

    async def _rest(self, pause_s: float | None) -> None:
        if pause_s is None:
            await self._woken.wait()
            return
        waits = [asyncio.ensure_future(self._woken.wait()), asyncio.ensure_future(self._clock.sleep(pause_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
