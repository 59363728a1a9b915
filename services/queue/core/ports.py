"""What the core needs of the world. The meaning of each method is pinned by its conformance tests."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from services.chassis.errors import ClipferryError
from services.queue.core.job import Job, State
from services.queue.core.lease import Lease
from services.queue.core.moves import Move
from services.queue.core.placing import Offer


class Submission(NamedTuple):
    """A job that somebody asks for, checked and with its id."""

    job_id: str
    owner: str
    request_id: str | None
    live_key: str
    spec: bytes
    priority: int
    run_timeout_ms: int
    resend_unknown: bool
    traceparent: str = ""
    """W3C traceparent of the submit. Empty: it was not traced."""


class Record(NamedTuple):
    """A job, and the same as the wire shows it: serialised once for each change, shared by all who look."""

    job: Job
    body: bytes


class Accepted(NamedTuple):
    """Answer to a submission."""

    record: Record
    replayed: bool
    """Whether the job was there before."""
    duplicate: bool = False
    """Whether it was found by what is to be done, and not by the request id."""


class Event(NamedTuple):
    """A durable change, as it is kept in the log."""

    sequence: int
    """Dense: rises by one per event, in commit order."""
    at_ms: int
    job_id: str
    owner: str
    body: bytes
    """The job after the change, as the wire shows it."""


class Change(NamedTuple):
    """A durable change, as it is published: the event, and what the queue itself needs to know of the job after it."""

    event: Event
    version: int
    state: State
    attempt: int
    token: int
    worker_id: str | None
    cancel_requested: bool
    finish_requested: bool
    send_committed: bool

    @property
    def job_id(self) -> str:
        """Which job."""
        return self.event.job_id

    @property
    def lease(self) -> Lease:
        """Its newest run."""
        return Lease(self.event.job_id, self.token)


def change_of(job: Job, event: Event) -> Change:
    """Return the change that `event` tells of `job`."""
    return Change(
        event,
        job.version,
        job.state,
        job.attempt,
        job.token,
        job.worker_id,
        bool(job.cancel_requested),
        bool(job.finish_requested),
        bool(job.send_committed),
    )


class Reaped(NamedTuple):
    """A run that was taken from a silent worker."""

    worker_id: str
    lease: Lease


class Query(NamedTuple):
    """Which jobs to list."""

    owner: str = ""
    """Empty: everybody's."""
    states: frozenset[State] = frozenset()
    """Empty: every state."""
    before_id: str | None = None
    """Only jobs older than this one."""
    changed_after: int | None = None
    """Only jobs that changed after this sequence."""
    limit: int = 50


class Page(NamedTuple):
    """Some jobs, newest first."""

    records: Sequence[Record]
    has_more: bool
    sequence: int
    """Sequence of the newest event that the page has seen."""


class Claimed(NamedTuple):
    """Runs that began, and when to ask again without being woken."""

    records: Sequence[Record]
    next_due_in_ms: int | None
    """In which time the next waiting job becomes due by itself; None when none will."""
    has_more: bool
    """Whether jobs are due that were not looked at, and slots are free."""
    any_waits: bool
    """Whether a job waits now, due or not: if none does, it is no use to ask again before there is one."""


class Purged(NamedTuple):
    """How many records were forgotten."""

    job_count: int
    event_count: int


class Totals(NamedTuple):
    """The store's part of the statistics."""

    jobs_by_state: Mapping[State, int]
    """States without a job are absent."""
    ended_count: int
    """Jobs that ended since the store was made, purged ones included."""


class OwnerTotals(NamedTuple):
    """The store's part of one owner's statistics: of the jobs that are kept."""

    jobs_by_state: Mapping[State, int]
    """States without a job are absent."""
    reserved_bytes: int
    """What the runs have reserved."""
    oldest_waiting_ms: int | None
    """When the job was accepted that waits for longest."""
    ended_count: int
    """Jobs that ended since the moment that was asked for."""


class JobStore(Protocol):
    """Keeps jobs. Every method is atomic and durable once it returns; changes are published before it returns.

    Raises:
        ClipferryError: STORE_UNAVAILABLE from any method when the database fails.
    """

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Accepted | ClipferryError]:
        """Keep each submission as a QUEUED job, or find the job that is there already.

        Results stand at the index of their submission: FIELD… never, REQUEST_ID_REUSED, QUEUE_FULL or OWNER_QUEUE_FULL.
        """

    async def apply(self, moves: Sequence[Move]) -> Sequence[Record | ClipferryError]:
        """Do each move in order. Results stand at the index of their move; a refused move changes nothing."""

    async def claim(self, offers: Sequence[Offer]) -> Claimed:
        """Begin runs of due jobs on the workers that offer slots: by priority, then fair turn."""

    async def renew(self, leases: Sequence[Lease]) -> Mapping[Lease, Job]:
        """Give each lease that is present and in time a new TTL. Those that are missing in the result are lost."""

    async def reap(self, *, limit: int) -> Sequence[Reaped]:
        """Take at most `limit` expired runs from their workers."""

    async def purge(self, *, ended_for_ms: int, keep_events: int, limit: int) -> Purged:
        """Forget jobs that ended longer ago, and events beyond the newest `keep_events`; at most `limit` of each."""

    async def get(self, job_id: str) -> Record | None:
        """Return one job."""

    async def page(self, query: Query) -> Page:
        """Return jobs, newest first.

        Raises:
            ClipferryError: CURSOR_EXPIRED when `changed_after` is older than the log.
        """

    async def events(self, after: int, *, limit: int) -> Sequence[Event]:
        """Return at most `limit` events with a sequence above `after`, in order. 0: from the oldest that is kept.

        Raises:
            ClipferryError: CURSOR_EXPIRED when the log does not reach back to `after`, or never reached it.
        """

    async def events_of(self, job_id: str, *, limit: int) -> Sequence[Event]:
        """Return the newest `limit` events of one job that are kept, oldest first.

        Cost: the log is read backwards to the job's first event, some 0.1 s for 200,000 events.
        """

    async def active(self) -> Sequence[Job]:
        """Return every job that is PROCESSING or SENDING."""

    async def totals(self) -> Totals:
        """Return the store's part of the statistics."""

    async def totals_of(self, owner: str, *, ended_since_ms: int) -> OwnerTotals:
        """Return one owner's part. Looks at each job of the owner that is kept, and at no other."""

    async def oldest_waiting_ms(self) -> int | None:
        """Return when the job was accepted that waits for longest. Looks at each that waits: not for every moment."""

    async def last_sequence(self) -> int:
        """Return the sequence of the newest event; 0 before the first."""
