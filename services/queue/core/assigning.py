"""Work into the hands of workers, and back when they never heard of it."""

from collections.abc import Collection, Sequence

import structlog

from services.chassis.errors import ClipferryError
from services.queue.core.dispatcher import Outlook
from services.queue.core.fleet import Fleet
from services.queue.core.hub import Hub
from services.queue.core.lease import Lease
from services.queue.core.moves import Release
from services.queue.core.placing import Offer
from services.queue.core.ports import Claimed, JobStore
from services.queue.core.statistics import Stats

logger = structlog.get_logger(__name__)

_AGAIN_S = 1.0
"""When work is handed out again after the store failed."""


class Assigner:
    """Begins runs and tells their workers.

    Args:
        store: Begins runs.
        fleet: Tells workers.
        hub: Knows what has become of a run since it began.
    """

    def __init__(self, store: JobStore, fleet: Fleet, hub: Hub[Stats]) -> None:
        self._store = store
        self._fleet = fleet
        self._hub = hub
        self._is_unsure = False
        """Whether a claim failed of which nobody knows whether it was kept."""

    async def begin(self, offers: Sequence[Offer]) -> Outlook:
        """Begin runs on the workers that make `offers`; returns what is left to be done."""
        try:
            if self._is_unsure:
                for worker in self._fleet.workers:
                    await self.hand_back_unheard(worker.hello.worker_id, worker.leases)
            claimed = await self._claim(offers)
            # What was looked at was more than one owner's share: further jobs are due, and slots are free.
            while claimed.has_more and claimed.records and (offers := self._fleet.offers()):
                claimed = await self._claim(offers)
        except ClipferryError as error:
            logger.error("No work could be handed out.", action="dispatch_failed", reason=error.reason.name)
            return Outlook(_AGAIN_S, any_waits=True)
        due_in_s = None if claimed.next_due_in_ms is None else claimed.next_due_in_ms / 1000
        return Outlook(due_in_s, claimed.any_waits)

    async def _claim(self, offers: Sequence[Offer]) -> Claimed:
        self._is_unsure = True
        claimed = await self._store.claim(offers)
        self._is_unsure = False
        orphans = self._fleet.assign(claimed.records)
        # Another replica may have changed a run between the claim and now: its worker must not miss that.
        runs = [self._hub.run(record.job.id) for record in claimed.records]
        self._fleet.follow([run.change for run in runs if run is not None])
        if orphans:
            await self._store.apply([Release(lease) for lease in orphans])
        return claimed

    async def hand_back_unheard(self, worker_id: str, held: Collection[Lease]) -> None:
        """Hand back the runs that were given to a worker and are not among those that it holds: it never heard of them.

        Runs past the point of no return stay as they are; `Release` refuses them.

        Raises:
            ClipferryError: STORE_UNAVAILABLE.
        """
        given = [Lease(job.id, job.token) for job in await self._store.active() if job.worker_id == worker_id]
        unheard = [lease for lease in given if lease not in held]
        if unheard:
            await self._store.apply([Release(lease) for lease in unheard])
            logger.warning(
                "Runs that a worker did not hear of go back.",
                action="runs_unheard",
                worker_id=worker_id,
                count=len(unheard),
            )
