"""The writing calls of a store as values: what each wants to know, and what it decides on that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from services.chassis.errors import ClipferryError
from services.queue.core.batch import Batch
from services.queue.core.job import Job
from services.queue.core.lease import Lease
from services.queue.core.moves import Move, Retry
from services.queue.core.placing import Offer
from services.queue.core.ports import Accepted, Claimed, Purged, Reaped, Record, Submission

T_co = TypeVar("T_co", covariant=True)

_CANDIDATES_PER_SLOT = 4
"""Jobs that are looked at for one free slot: some may need more memory than there is."""


@dataclass
class Wanted:
    """What the calls of one transaction want to know, all together."""

    job_ids: set[str] = field(default_factory=set)
    requests: set[tuple[str, str]] = field(default_factory=set)
    """Owner and request id of submissions."""
    live_keys: set[str] = field(default_factory=set)
    admitted: set[str] = field(default_factory=set)
    """Owners who want to add waiting jobs."""
    retried: set[str] = field(default_factory=set)
    """Ids of jobs whose owner wants to add them again."""
    offers: list[Offer] = field(default_factory=list)
    reap_count: int = 0
    purge: "Purge | None" = None

    @property
    def due_count(self) -> int:
        """How many due jobs to look at: as many as there are slots, more when some may not fit into the memory."""
        slots, tight = 0, False
        for offer in self.offers:
            possible = offer.possible_slots
            slots += possible
            tight = tight or possible * offer.default_bytes > offer.free_bytes
        return slots * _CANDIDATES_PER_SLOT if tight else slots

    @property
    def most_bytes(self) -> int:
        """What a job can reserve at most, wherever it runs."""
        return max((offer.limit_bytes for offer in self.offers), default=0)

    @property
    def free_bytes(self) -> int:
        """What there is for one job, wherever it runs."""
        return max((offer.free_bytes for offer in self.offers), default=0)


def wanted_by(calls: "Sequence[Call[object]]") -> Wanted:
    """Return what all `calls` want to know."""
    wanted = Wanted()
    for call in calls:
        call.want(wanted)
    return wanted


class Call(Protocol[T_co]):
    """One writing call."""

    def want(self, wanted: Wanted) -> None:
        """Add what must be loaded before `run`."""

    def run(self, batch: Batch) -> T_co:
        """Decide; returns the answer."""


@dataclass(frozen=True, slots=True)
class Submit:
    """See `JobStore.submit`."""

    submissions: Sequence[Submission]

    def want(self, wanted: Wanted) -> None:
        for new in self.submissions:
            wanted.live_keys.add(new.live_key)
            wanted.admitted.add(new.owner)
            if new.request_id is not None:
                wanted.requests.add((new.owner, new.request_id))

    def run(self, batch: Batch) -> Sequence[Accepted | ClipferryError]:
        return [batch.submit(new) for new in self.submissions]


@dataclass(frozen=True, slots=True)
class Apply:
    """See `JobStore.apply`."""

    moves: Sequence[Move]

    def want(self, wanted: Wanted) -> None:
        for move in self.moves:
            wanted.job_ids.add(move.job_id)
            if isinstance(move, Retry):
                wanted.retried.add(move.job_id)

    def run(self, batch: Batch) -> Sequence[Record | ClipferryError]:
        return [batch.apply(move) for move in self.moves]


@dataclass(frozen=True, slots=True)
class Claim:
    """See `JobStore.claim`."""

    offers: Sequence[Offer]

    def want(self, wanted: Wanted) -> None:
        wanted.offers.extend(self.offers)
        wanted.job_ids.update(lease.job_id for offer in self.offers for lease in offer.ending)

    def run(self, batch: Batch) -> Claimed:
        return batch.claim(self.offers)


@dataclass(frozen=True, slots=True)
class Renew:
    """See `JobStore.renew`."""

    leases: Sequence[Lease]

    def want(self, wanted: Wanted) -> None:
        wanted.job_ids.update(lease.job_id for lease in self.leases)

    def run(self, batch: Batch) -> Mapping[Lease, Job]:
        return {lease: job for lease in self.leases if (job := batch.renew(lease)) is not None}


@dataclass(frozen=True, slots=True)
class Reap:
    """See `JobStore.reap`."""

    limit: int

    def want(self, wanted: Wanted) -> None:
        wanted.reap_count += self.limit

    def run(self, batch: Batch) -> Sequence[Reaped]:
        return batch.reap(self.limit)


@dataclass(frozen=True, slots=True)
class Purge:
    """See `JobStore.purge`. The engine does it before anything else is loaded."""

    ended_for_ms: int
    keep_events: int
    limit: int

    def want(self, wanted: Wanted) -> None:
        wanted.purge = self

    def run(self, batch: Batch) -> Purged:
        return batch.purged
