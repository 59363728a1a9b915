"""When work is handed out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from services.chassis.clock import Clock
from services.queue.core.job import ACTIVE, WAITING
from services.queue.core.placing import Offer
from services.queue.core.ports import Change

_BELIEVED_S = 1.0
"""How long it is believed that no job waits: a change that was missed costs no more, if a credit comes after it."""


class Outlook(NamedTuple):
    """What is left to be done after work was handed out."""

    due_in_s: float | None
    """When the next waiting job becomes due; None: none will by itself."""
    any_waits: bool
    """Whether a job waits."""


class Takers(Protocol):
    """The connected workers."""

    def offers(self) -> Sequence[Offer]:
        """Return what they can take now."""

    def next_offer_in_s(self) -> float | None:
        """Return when one that must pause between two jobs may take the next; None when none pauses."""


class Dispatcher:
    """Asks for work when a worker or a job has become ready, and a job may be waiting.

    Of a queue that keeps up most credits find nothing to do, and each question costs a transaction.

    Args:
        takers: The connected workers.
        begin: Begins runs on them.
        clock: Tells when a job becomes due.
    """

    def __init__(self, takers: Takers, begin: Callable[[Sequence[Offer]], Awaitable[Outlook]], clock: Clock) -> None:
        self._takers = takers
        self._begin = begin
        self._clock = clock
        self._woken = asyncio.Event()
        self._arrival_count = 0
        """Changes after which a job waits."""
        self._nothing_until_s = float("-inf")
        """Until then it is believed that no job waits."""

    def wake(self) -> None:
        """Say that a worker or a job may have become ready."""
        self._woken.set()

    def follow(self, changes: Iterable[Change]) -> None:
        """Take in changes of jobs: one that waits may be due, the end of one makes room for another."""
        states = {change.state for change in changes}
        if not states <= ACTIVE:
            self.wake()
        if states & WAITING:
            self._arrival_count += 1
            self._nothing_until_s = float("-inf")

    async def run(self) -> None:
        """Dispatch until cancelled."""
        while True:
            self._woken.clear()
            await self._rest(await self._look())

    async def _look(self) -> float | None:
        """Hand out work; returns when there may be more to hand out, without anybody saying so."""
        believed_s = self._nothing_until_s - self._clock.monotonic_s()
        if believed_s > 0:
            return believed_s
        due_in_s = None
        if offers := self._takers.offers():
            before_count = self._arrival_count
            due_in_s, any_waits = await self._begin(offers)
            if not any_waits and self._arrival_count == before_count:
                self._nothing_until_s = self._clock.monotonic_s() + _BELIEVED_S
                return None
        pauses_s = [pause_s for pause_s in (due_in_s, self._takers.next_offer_in_s()) if pause_s is not None]
        return min(pauses_s, default=None)

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
