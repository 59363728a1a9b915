"""One transaction: what it knows of the jobs, what is decided on them, and what that changes. Without a database.

An engine loads what the calls of the transaction want to know, lets them decide, and saves what is left here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import ACTIVE, ENDED, WAITING, Job, State
from services.queue.core.lease import Lease, Policy, claimed, is_expired, reaped, renewed
from services.queue.core.ledger import Ledger
from services.queue.core.moves import Move
from services.queue.core.placing import Offer, place
from services.queue.core.ports import Accepted, Change, Claimed, Event, Purged, Reaped, Record, Submission, change_of


class Request(NamedTuple):
    """What an idempotency key was used for."""

    job_id: str
    spec: bytes


class Alias(NamedTuple):
    """An idempotency key beside the one that a job was made under: its columns in every engine."""

    owner: str
    request_id: str
    job_id: str
    spec: bytes


class Batch:
    """Jobs by id as they are now, and everything that has changed.

    Args:
        ledger: In step with the jobs; it is changed with them.
        policy: Numbers for decisions.
        encode: Serialises a job for the wire.
        now_ms: The store's time, the same for the whole transaction.
        sequence: Of the newest event before it.
    """

    def __init__(
        self, ledger: Ledger, policy: Policy, encode: Callable[[Job], bytes], *, now_ms: int, sequence: int
    ) -> None:
        self.ledger = ledger
        self.now_ms = now_ms
        self.sequence = sequence
        self.changes: list[Change] = []
        self.due: Sequence[str] = ()
        """Ids of the next jobs to run, in their order."""
        self.due_is_cut = False
        """Whether there may be more of them than were looked at."""
        self.next_due_ms: int | None = None
        """When the next job becomes due by itself."""
        self.expired: Sequence[str] = ()
        """Ids of runs that were over when they were looked for."""
        self.purged = Purged(0, 0)
        self.requests: dict[tuple[str, str], Request] = {}
        """What each idempotency key was used for, of those that were looked for and found."""
        self.aliases: list[Alias] = []
        """Keys that are new and whose job was there already."""
        self._policy = policy
        self._encode = encode
        self._jobs: dict[str, Job] = {}
        self._before: dict[str, Job | None] = {}

    def know(self, jobs: Iterable[Job]) -> None:
        """Take in jobs as the database has them."""
        for job in jobs:
            self._jobs[job.id] = job

    def job(self, job_id: str) -> Job | None:
        """Return a job as it is now; None when there is none, or it was not loaded."""
        return self._jobs.get(job_id)

    @property
    def created(self) -> list[Job]:
        """Jobs that are new."""
        return [self._jobs[job_id] for job_id, before in self._before.items() if before is None]

    @property
    def updated(self) -> list[tuple[Job, Job]]:
        """Jobs that changed: as the database has them, and as they are now."""
        return [(before, self._jobs[job_id]) for job_id, before in self._before.items() if before is not None]

    @property
    def written(self) -> Iterable[Job]:
        """Jobs that are new or changed, as they are now."""
        return [self._jobs[job_id] for job_id in self._before]

    def record(self, job: Job) -> Record:
        """Return a job as it is shown."""
        return Record(job, self._encode(job))

    def submit(self, new: Submission) -> Accepted | ClipferryError:
        """Decide on one submission. See `JobStore.submit`."""
        key = None if new.request_id is None else (new.owner, new.request_id)
        if key is not None and key in self.requests:
            return self._repeated(new, self.requests[key])
        twin_id = self.ledger.twin(new.live_key)
        if twin_id is not None:
            if key is not None:
                self.requests[key] = Request(twin_id, new.spec)
                self.aliases.append(Alias(*key, twin_id, new.spec))
            return Accepted(self.record(self._jobs[twin_id]), replayed=True, duplicate=True)
        try:
            self.ledger.admit(new.owner)
        except ClipferryError as error:
            return error
        turn = self.ledger.next_turn(new.owner)
        job = _queued(new, turn, self.now_ms, self._policy.max_attempts)
        if key is not None:
            self.requests[key] = Request(job.id, new.spec)
        return Accepted(self._change(None, job), replayed=False)

    def apply(self, move: Move) -> Record | ClipferryError:
        """Decide on one move. See `JobStore.apply`."""
        job = self.job(move.job_id)
        try:
            after = move.decide(job, self.now_ms, self._policy)
            if job is None or after is job:
                return self.record(after)
            if job.state in ENDED and after.state is State.QUEUED:
                self.ledger.admit(job.owner)
                after = after._replace(fair_key=self.ledger.next_turn(job.owner))
        except ClipferryError as error:
            return error
        return self._change(job, after)

    def claim(self, offers: Sequence[Offer]) -> Claimed:
        """Begin runs of due jobs. See `JobStore.claim`."""
        due_in_ms = None if self.next_due_ms is None else max(0, self.next_due_ms - self.now_ms)
        due = [job for job_id in self.due if (job := self._jobs[job_id]).state in WAITING]
        if not due:
            return Claimed([], due_in_ms, has_more=False, any_waits=self._any_waits())
        # Copies: what comes of a transaction that fails must not stand in offers that are taken up again.
        open_offers = [offer.settled(self._is_over) for offer in offers]
        placed = place(due, open_offers, lambda job: self.ledger.may_run(job.owner))
        records = [
            self._change(
                job,
                claimed(job, self.now_ms, self._policy, worker_id=offer.worker_id, reserved_bytes=reserved_bytes),
            )
            for job, offer, reserved_bytes in placed
        ]
        has_room = any(offer.slots for offer in open_offers)
        return Claimed(records, due_in_ms, self.due_is_cut and has_room, self._any_waits())

    def renew(self, lease: Lease) -> Job | None:
        """Give a lease a new TTL, or return None. See `JobStore.renew`."""
        job = self.job(lease.job_id)
        if job is None or job.token != lease.token:
            return None
        after = renewed(job, self.now_ms, self._policy)
        if after is not None:
            self._keep(job, after)
        return after

    def reap(self, limit: int) -> list[Reaped]:
        """Take expired runs from their workers. See `JobStore.reap`."""
        expired = [job for job_id in self.expired if is_expired(job := self._jobs[job_id], self.now_ms)][:limit]
        for job in expired:
            self._change(job, reaped(job, self.now_ms, self._policy))
        return [Reaped(job.worker_id or "", Lease(job.id, job.token)) for job in expired]

    def _any_waits(self) -> bool:
        return any(self.ledger.count_by_state[state] for state in WAITING)

    def _is_over(self, lease: Lease) -> bool:
        job = self.job(lease.job_id)
        return job is None or job.token != lease.token or job.state not in ACTIVE

    def _repeated(self, new: Submission, request: Request) -> Accepted | ClipferryError:
        job = self._jobs[request.job_id]
        if request.spec != new.spec:
            return ClipferryError(
                Reason.REQUEST_ID_REUSED,
                f"request_id {new.request_id!r} was used before for another request, {job.name}.",
                job=job.name,
            )
        return Accepted(self.record(job), replayed=True)

    def _change(self, before: Job | None, after: Job) -> Record:
        self._keep(before, after)
        self.ledger.record(before, after)
        self.sequence += 1
        record = self.record(after)
        event = Event(self.sequence, self.now_ms, after.id, after.owner, record.body)
        self.changes.append(change_of(after, event))
        return record

    def _keep(self, before: Job | None, after: Job) -> None:
        self._before.setdefault(after.id, before)
        self._jobs[after.id] = after


def _queued(new: Submission, fair_key: int, now_ms: int, max_attempts: int) -> Job:
    return Job(
        id=new.job_id,
        state=State.QUEUED,
        owner=new.owner,
        request_id=new.request_id,
        live_key=new.live_key,
        spec=new.spec,
        priority=new.priority,
        fair_key=fair_key,
        not_before_ms=now_ms,
        attempt=0,
        max_attempts=max_attempts,
        token=0,
        worker_id=None,
        lease_until_ms=None,
        deadline_ms=None,
        run_timeout_ms=new.run_timeout_ms,
        resend_unknown=new.resend_unknown,
        reserved_bytes=0,
        cancel_requested=False,
        finish_requested=False,
        send_committed=False,
        media=None,
        delivery=None,
        error=None,
        version=1,
        created_ms=now_ms,
        updated_ms=now_ms,
        started_ms=None,
        ended_ms=None,
        traceparent=new.traceparent,
    )
