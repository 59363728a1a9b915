"""The JobStore over an engine: writes are grouped, reads go past them."""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from services.chassis.errors import ClipferryError, Reason
from services.queue.adapters.group_commit import GroupCommit
from services.queue.core.calls import Apply, Claim, Purge, Reap, Renew, Submit
from services.queue.core.job import Job
from services.queue.core.lease import Lease
from services.queue.core.moves import Move
from services.queue.core.placing import Offer
from services.queue.core.ports import (
    Accepted,
    Claimed,
    Event,
    OwnerTotals,
    Page,
    Purged,
    Query,
    Reaped,
    Record,
    Submission,
    Totals,
)
from services.queue.metrics import CLAIM_SECONDS, LEASE_EXPIRIES, STALE_CALLS, WAIT_SECONDS


class Reader(Protocol):
    """The reading half of a `JobStore`."""

    async def get(self, job_id: str) -> Record | None: ...

    async def page(self, query: Query) -> Page: ...

    async def events(self, after: int, *, limit: int) -> Sequence[Event]: ...

    async def events_of(self, job_id: str, *, limit: int) -> Sequence[Event]: ...

    async def active(self) -> Sequence[Job]: ...

    async def totals(self) -> Totals: ...

    async def totals_of(self, owner: str, *, ended_since_ms: int) -> OwnerTotals: ...

    async def oldest_waiting_ms(self) -> int | None: ...

    async def last_sequence(self) -> int: ...


class EngineStore:
    """See `services.queue.core.ports.JobStore`."""

    def __init__(self, commits: GroupCommit, reader: Reader) -> None:
        self._commits = commits
        self.get = reader.get
        self.page = reader.page
        self.events = reader.events
        self.events_of = reader.events_of
        self.active = reader.active
        self.totals = reader.totals
        self.totals_of = reader.totals_of
        self.oldest_waiting_ms = reader.oldest_waiting_ms
        self.last_sequence = reader.last_sequence

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Accepted | ClipferryError]:
        return await self._commits.run(Submit(submissions))

    async def apply(self, moves: Sequence[Move]) -> Sequence[Record | ClipferryError]:
        results = await self._commits.run(Apply(moves))
        for result in results:
            if isinstance(result, ClipferryError) and result.reason is Reason.LEASE_LOST:
                STALE_CALLS.add("move")
        return results

    async def claim(self, offers: Sequence[Offer]) -> Claimed:
        began_at_s = time.perf_counter()
        claimed = await self._commits.run(Claim(offers))
        CLAIM_SECONDS.observe(time.perf_counter() - began_at_s)
        for record in claimed.records:
            WAIT_SECONDS.observe(((record.job.started_ms or 0) - record.job.not_before_ms) / 1000)
        return claimed

    async def renew(self, leases: Sequence[Lease]) -> Mapping[Lease, Job]:
        renewed = await self._commits.run(Renew(leases))
        if len(renewed) < len(leases):
            STALE_CALLS.add("renewal", by=len(leases) - len(renewed))
        return renewed

    async def reap(self, *, limit: int) -> Sequence[Reaped]:
        reaped = await self._commits.run(Reap(limit))
        LEASE_EXPIRIES.add(by=len(reaped))
        return reaped

    async def purge(self, *, ended_for_ms: int, keep_events: int, limit: int) -> Purged:
        return await self._commits.run(Purge(ended_for_ms, keep_events, limit))
