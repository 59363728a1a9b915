"""Which worker gets which job now."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.chassis.clock import Clock
from services.queue.core.job import Job


@dataclass(slots=True)
class Offer:
    """What one worker can take now. Placing jobs uses it up."""

    worker_id: str
    slots: int
    """Jobs."""
    free_bytes: int
    default_bytes: int
    """What a job of unknown size takes."""
    limit_bytes: int
    """Most that any job takes: all of the worker's memory."""

    def need_bytes(self, job: Job) -> int:
        """Return what `job` would reserve here."""
        return min(job.reserved_bytes or self.default_bytes, self.limit_bytes)


def place(jobs: Sequence[Job], offers: Sequence[Offer]) -> list[tuple[Job, Offer, int]]:
    """Give jobs, in their order, to workers: each to the one with most free slots that has the memory.

    A job that fits nowhere now is passed over; it keeps its place.

    Returns:
        Job, worker and reserved bytes of each job that was placed.
    """
    placed = []
    open_offers = [offer for offer in offers if offer.slots > 0]
    for job in jobs:
        fitting = [offer for offer in open_offers if offer.need_bytes(job) <= offer.free_bytes]
        if not fitting:
            continue
        offer = max(fitting, key=lambda each: each.slots) if len(fitting) > 1 else fitting[0]
        reserved_bytes = offer.need_bytes(job)
        offer.slots -= 1
        offer.free_bytes -= reserved_bytes
        placed.append((job, offer, reserved_bytes))
        if offer.slots == 0:
            open_offers.remove(offer)
            if not open_offers:
                break
    return placed


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
