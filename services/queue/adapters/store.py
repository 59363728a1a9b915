"""The JobStore over an engine: writes are grouped, reads go past them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.chassis.errors import ClipferryError
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
    Page,
    Purged,
    Query,
    Reaped,
    Record,
    Submission,
    Totals,
)


class Reader(Protocol):
    """The reading half of a `JobStore`."""

    async def get(self, job_id: str) -> Record | None: ...

    async def page(self, query: Query) -> Page: ...

    async def events(self, after: int, *, limit: int) -> Sequence[Event]: ...

    async def active(self) -> Sequence[Job]: ...

    async def totals(self) -> Totals: ...

    async def oldest_waiting_ms(self) -> int | None: ...

    async def last_sequence(self) -> int: ...


class EngineStore:
    """See `services.queue.core.ports.JobStore`."""

    def __init__(self, commits: GroupCommit, reader: Reader) -> None:
        self._commits = commits
        self.get = reader.get
        self.page = reader.page
        self.events = reader.events
        self.active = reader.active
        self.totals = reader.totals
        self.oldest_waiting_ms = reader.oldest_waiting_ms
        self.last_sequence = reader.last_sequence

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Accepted | ClipferryError]:
        return await self._commits.run(Submit(submissions))

    async def apply(self, moves: Sequence[Move]) -> Sequence[Record | ClipferryError]:
        return await self._commits.run(Apply(moves))

    async def claim(self, offers: Sequence[Offer]) -> Claimed:
        return await self._commits.run(Claim(offers))

    async def renew(self, leases: Sequence[Lease]) -> Mapping[Lease, Job]:
        return await self._commits.run(Renew(leases))

    async def reap(self, *, limit: int) -> Sequence[Reaped]:
        return await self._commits.run(Reap(limit))

    async def purge(self, *, ended_for_ms: int, keep_events: int, limit: int) -> Purged:
        return await self._commits.run(Purge(ended_for_ms, keep_events, limit))
