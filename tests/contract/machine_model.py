"""All jobs of a queue as they must be, without a database: the state machine test holds every store against it."""

from collections.abc import Sequence
from typing import NamedTuple

from services.chassis.errors import Reason
from services.queue.core.job import Job, State
from services.queue.core.lease import Lease
from services.queue.core.ledger import Limits
from services.queue.core.moves import Move
from services.queue.core.ports import Claimed, Record, Submission
from tests.contract import machine_job
from tests.contract.machine_job import ACTIVE, ENDED, WAITING
from tests.contract.machine_laws import check_change


class Logged(NamedTuple):
    """One entry of the log, as far as it is predicted."""

    sequence: int
    job_id: str
    owner: str
    version: int
    state: State
    attempt: int
    cancel_requested: bool


class Model:
    """Predicts each call of a `JobStore`, and does it.

    Args:
        limits: What the store was opened with.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.jobs: dict[str, Job] = {}
        self.log: list[Logged] = []
        """Everything that ever happened."""
        self._requests: dict[tuple[str, str], tuple[str, bytes]] = {}
        """Job and spec of each idempotency key."""
        self.forgotten_count = 0
        """Entries that the store need not know any more."""

    def answers(self, asked: Submission) -> set[str | Reason]:
        """Return what one submission may lead to: a job that is there, a new one under its id, or a refusal."""
        request = self._requests.get((asked.owner, asked.request_id or ""))
        if request is not None:
            job_id, spec = request
            return {job_id if spec == asked.spec else Reason.REQUEST_ID_REUSED}
        twins: set[str | Reason] = {job.id for job in self._living(asked.live_key)}
        return twins or {self._full(asked.owner) or asked.job_id}

    def remember(self, asked: Submission, job_id: str) -> None:
        """Note that a submission was answered with a job: that is what its idempotency key means from now on."""
        if asked.request_id is not None:
            self._requests.setdefault((asked.owner, asked.request_id), (job_id, asked.spec))

    def accept(self, asked: Submission, now_ms: int) -> None:
        """Add a new job."""
        self._put(None, machine_job.new(asked, now_ms), by="submit")

    def apply(self, move: Move, now_ms: int) -> Job | Reason:
        """Predict one move."""
        before = self.jobs.get(move.job_id)
        after = machine_job.after_move(before, move, now_ms)
        if isinstance(after, Reason) or after is before:
            return after
        assert before is not None
        if before.state in ENDED:
            full = self._full(before.owner)
            if full is not None:
                return full
        self._put(before, after, by=move)
        return after

    def claim(self, slots: dict[str, int], claimed: Claimed, now_ms: int) -> None:
        """Check that these runs could begin and no other had to, and begin them. Turns are not predicted.

        Args:
            slots: Free ones of each worker; used up.
        """
        due = [job for job in self._in(WAITING) if job.not_before_ms <= now_ms]
        later_ms = [job.not_before_ms - now_ms for job in self._in(WAITING) if job.not_before_ms > now_ms]
        assert claimed.next_due_in_ms == min(later_ms, default=None)
        for record in claimed.records:
            assert self.jobs[record.job.id] in due, f"{record.job.name} was not due"
            self._begin(record, slots, now_ms)
        left = [job for job in due if self.jobs[job.id] is job and self._may_run(job.owner)]
        for record in claimed.records:
            assert all(job.priority <= record.job.priority for job in left), "a lower priority ran first"
        if any(slots.values()) and not claimed.records:
            assert not left, "due jobs and free slots do not come together, however often one asks"

    def renew(self, leases: Sequence[Lease], now_ms: int) -> set[Lease]:
        """Predict which leases go on. No change that anybody is told of: the version stays."""
        going_on = {lease for lease in leases if self._is_held(lease, now_ms)}
        for lease in going_on:
            job = self.jobs[lease.job_id]
            self.jobs[lease.job_id] = job._replace(lease_until_ms=now_ms + machine_job.TTL_MS)
        return going_on

    def expired(self, now_ms: int) -> dict[Lease, str]:
        """Return the runs that a reaper may take, with their workers."""
        over = [job for job in self._in(ACTIVE) if machine_job.over_time(job, now_ms)]
        return {Lease(job.id, job.token): job.worker_id or "" for job in over}

    def reap(self, lease: Lease, now_ms: int) -> None:
        """Take a run from its worker."""
        job = self.jobs[lease.job_id]
        self._put(job, machine_job.after_silence(job, now_ms), by="reap")

    def purge(self, *, ended_before_ms: int, keep_events: int) -> tuple[int, int]:
        """Forget old things; returns how many jobs and how many entries of the log."""
        old = [job.id for job in self.jobs.values() if job.ended_ms is not None and job.ended_ms < ended_before_ms]
        for job_id in old:
            del self.jobs[job_id]
        self._requests = {key: request for key, request in self._requests.items() if request[0] in self.jobs}
        before = self.forgotten_count
        self.forgotten_count = max(len(self.log) - keep_events, before)
        return len(old), self.forgotten_count - before

    def grant_grace(self, shown: Job) -> None:
        """Take over the times that a run has after a start: they are no shorter than before."""
        before = self.jobs[shown.id]
        assert (shown.lease_until_ms or 0) >= (before.lease_until_ms or 0), "a start took time from a run"
        assert (shown.deadline_ms or 0) >= (before.deadline_ms or 0), "a start took time from a run"
        self.jobs[shown.id] = before._replace(lease_until_ms=shown.lease_until_ms, deadline_ms=shown.deadline_ms)

    def _begin(self, record: Record, slots: dict[str, int], now_ms: int) -> None:
        job, worker_id = self.jobs[record.job.id], record.job.worker_id
        assert self._may_run(job.owner), f"too many jobs run with {job.name}"
        assert worker_id is not None
        slots[worker_id] -= 1
        assert slots[worker_id] >= 0, f"{worker_id} got more than its slots"
        self._put(job, machine_job.begun(job, now_ms, worker_id, record.job.reserved_bytes), by="claim")

    def _put(self, before: Job | None, after: Job, *, by: Move | str) -> None:
        check_change(before, after, by)
        self.jobs[after.id] = after
        told = (after.id, after.owner, after.version, after.state, after.attempt, after.cancel_requested)
        self.log.append(Logged(len(self.log) + 1, *told))

    def is_full(self, owner: str) -> bool:
        """Return whether `owner` may add no more waiting jobs."""
        return self._full(owner) is not None

    def _full(self, owner: str) -> Reason | None:
        waiting = [job.owner for job in self._in(WAITING)]
        if len(waiting) >= self.limits.max_waiting:
            return Reason.QUEUE_FULL
        most = self.limits.max_waiting_per_owner
        return Reason.OWNER_QUEUE_FULL if most and waiting.count(owner) >= most else None

    def _may_run(self, owner: str) -> bool:
        running = [job.owner for job in self._in(ACTIVE)]
        most, most_each = self.limits.max_running, self.limits.max_running_per_owner
        return (not most or len(running) < most) and (not most_each or running.count(owner) < most_each)

    def _is_held(self, lease: Lease, now_ms: int) -> bool:
        job = self.jobs.get(lease.job_id)
        present = job is not None and job.token == lease.token and job.state in ACTIVE
        return job is not None and present and not machine_job.over_time(job, now_ms)

    def _living(self, live_key: str) -> list[Job]:
        """Return the jobs that a second wish for the same may be."""
        running = [job for job in self._in((*WAITING, *ACTIVE)) if not job.cancel_requested]
        return [job for job in running if job.live_key == live_key]

    def _in(self, states: Sequence[State]) -> list[Job]:
        return [job for job in self.jobs.values() if job.state in states]
