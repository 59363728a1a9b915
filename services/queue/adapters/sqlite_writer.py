"""The writing side of the SQLite store: decisions of the core become rows. Runs in the writer's thread."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.queue.adapters.rows import to_job, to_row
from services.queue.core.dispatcher import Offer, place
from services.queue.core.job import ENDED, Job, State
from services.queue.core.lease import Lease, Policy, claimed, reaped
from services.queue.core.ledger import Ledger
from services.queue.core.moves import Move
from services.queue.core.ports import Accepted, Change, Claimed, Event, Purged, Reaped, Record, Submission

_CANDIDATES_PER_SLOT = 4
"""Jobs that are looked at for one free slot: some may need more memory than there is."""


class SqliteWriter:
    """Everything that changes the database.

    Args:
        connection: Its own.
        sql: Statements by name.
        new_ledger: Makes an empty account.
        policy: Numbers for decisions.
        encode: Serialises a job for the wire.
        clock: Only ever read forward.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        sql: Mapping[str, str],
        *,
        new_ledger: Callable[[], Ledger],
        policy: Policy,
        encode: Callable[[Job], bytes],
        clock: Clock,
    ) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._connection = connection
        self._sql = sql
        self._new_ledger = new_ledger
        self._policy = policy
        self._encode = encode
        self._clock = clock
        self._changes: list[Change] = []
        self._now_ms = 0
        self._sequence = 0
        self._touched = False
        self.shown: tuple[Mapping[State, int], int, int] = ({}, 0, 0)
        """Counts by state, jobs ended, newest sequence: as of the last commit, for any thread to read."""
        self._restore()
        self.grant_grace()

    def begin(self) -> None:
        """Begin a transaction."""
        if self._stale:
            self._restore()
        self._execute("BEGIN IMMEDIATE")
        self._now_ms = max(self._clock.time_ms(), self._now_ms)

    def commit(self) -> Sequence[Change]:
        """Make it durable; returns the changes in it."""
        changes, self._changes = self._changes, []
        if changes:
            self._executemany(self._sql["insert_event"], [change.event for change in changes])
        if changes or self._touched:
            self._execute(self._sql["write_meta"], (self._sequence, self._ledger.ended_count, self._now_ms))
        self._execute("COMMIT")
        self._touched = False
        self._show()
        return changes

    def rollback(self) -> None:
        """Forget it. Never raises."""
        self._changes = []
        self._touched = False
        self._stale = True
        if self._connection.in_transaction:
            try:
                self._execute("ROLLBACK")
            except sqlite3.Error:
                return  # the failure that led here is told; the next BEGIN fails too if this one stays

    def grant_grace(self) -> None:
        """Give every lease a whole TTL: nobody could renew one while the queue was away."""
        self.begin()
        self._execute(self._sql["grace"], (self._now_ms + self._policy.lease_ttl_ms,))
        self._touched = True
        self.commit()

    def submit(self, submissions: Sequence[Submission]) -> list[Accepted | ClipferryError]:
        """See JobStore.submit."""
        return [self._submit(submission) for submission in submissions]

    def apply(self, moves: Sequence[Move]) -> list[Record | ClipferryError]:
        """See JobStore.apply."""
        return [self._apply(move) for move in moves]

    def claim(self, offers: Sequence[Offer]) -> Claimed:
        """See JobStore.claim."""
        now_ms = self._now_ms
        due = self._due(offers, now_ms)
        records = [
            self._update(
                job, claimed(job, now_ms, self._policy, worker_id=offer.worker_id, reserved_bytes=reserved_bytes)
            )
            for job, offer, reserved_bytes in place(due, offers)
        ]
        next_due_ms = self._execute(self._sql["next_due"], (now_ms,)).fetchone()[0]
        return Claimed(records, next_due_ms)

    def renew(self, leases: Sequence[Lease]) -> dict[Lease, Job]:
        """See JobStore.renew."""
        now_ms = self._now_ms
        until_ms = now_ms + self._policy.lease_ttl_ms
        renewed = {}
        for lease in leases:
            row = self._execute(self._sql["renew_lease"], (until_ms, *lease, now_ms, now_ms)).fetchone()
            if row is not None:
                renewed[lease] = to_job(row)
                self._touched = True
        return renewed

    def reap(self, limit: int) -> list[Reaped]:
        """See JobStore.reap."""
        taken = []
        for row in self._execute(self._sql["expired_jobs"], (self._now_ms, limit)).fetchall():
            job = to_job(row)
            self._update(job, reaped(job, self._now_ms, self._policy))
            taken.append(Reaped(job.worker_id or "", Lease(job.id, job.token)))
        return taken

    def purge(self, ended_before_ms: int, keep_events: int, limit: int) -> Purged:
        """See JobStore.purge."""
        states = self._execute(self._sql["purge_jobs"], (ended_before_ms, limit)).fetchall()
        for (state,) in states:
            self._ledger.forget(State(state))
        events = self._execute(self._sql["purge_events"], (self._sequence - keep_events, limit)).rowcount
        self._touched = True
        return Purged(len(states), events)

    def _due(self, offers: Sequence[Offer], now_ms: int) -> list[Job]:
        """Return the next due jobs: as many as there are slots, and more when some may not fit into the memory."""
        slots = sum(offer.slots for offer in offers)
        tight = any(offer.slots * offer.default_bytes > offer.free_bytes for offer in offers)
        most_bytes = max(offer.limit_bytes for offer in offers)
        free_bytes = max(offer.free_bytes for offer in offers)
        limit = slots * _CANDIDATES_PER_SLOT if tight else slots
        rows = self._execute(self._sql["due_jobs"], (now_ms, most_bytes, free_bytes, limit))
        return [to_job(row) for row in rows]

    def _submit(self, new: Submission) -> Accepted | ClipferryError:
        before = self._find_before(new)
        if before is not None:
            if new.request_id is not None and before.request_id == new.request_id and before.spec != new.spec:
                return ClipferryError(
                    Reason.REQUEST_ID_REUSED,
                    f"The request id {new.request_id!r} was used before with another spec, for {before.name}.",
                    job=before.name,
                )
            return Accepted(Record(before, self._encode(before)), replayed=True)
        try:
            self._ledger.admit(new.owner)
        except ClipferryError as error:
            return error
        job = _queued(new, self._ledger.next_turn(new.owner), self._now_ms, self._policy.max_attempts)
        self._execute(self._sql["insert_job"], to_row(job))
        return Accepted(self._record(None, job), replayed=False)

    def _find_before(self, new: Submission) -> Job | None:
        if new.request_id is not None:
            row = self._execute(self._sql["find_request"], (new.owner, new.request_id)).fetchone()
            if row is not None:
                return to_job(row)
        twin_id = self._ledger.twin(new.live_key)
        return None if twin_id is None else self._get(twin_id)

    def _apply(self, move: Move) -> Record | ClipferryError:
        job = self._get(move.job_id)
        try:
            after = move.decide(job, self._now_ms, self._policy)
            if job is None or after is job:
                return Record(after, self._encode(after))
            if job.state in ENDED and after.state is State.QUEUED:
                self._ledger.admit(job.owner)
                after = after._replace(fair_key=self._ledger.next_turn(job.owner))
        except ClipferryError as error:
            return error
        return self._update(job, after)

    def _get(self, job_id: str) -> Job | None:
        row = self._execute(self._sql["get_job"], (job_id,)).fetchone()
        return None if row is None else to_job(row)

    def _update(self, before: Job, after: Job) -> Record:
        expected = (before.state, before.token, before.version)
        count = self._execute(self._sql["update_job"], (*to_row(after), *expected)).rowcount
        if count != 1:
            raise AssertionError("somebody else writes to the database")
        return self._record(before, after)

    def _record(self, before: Job | None, after: Job) -> Record:
        self._ledger.record(before, after)
        self._sequence += 1
        body = self._encode(after)
        self._changes.append(Change(after, Event(self._sequence, self._now_ms, after.id, after.owner, body)))
        return Record(after, body)

    def _restore(self) -> None:
        self._sequence, ended_count, self._now_ms = self._execute(self._sql["read_meta"]).fetchone()
        self._ledger = self._new_ledger()
        self._ledger.ended_count = ended_count
        for row in self._execute(self._sql["live_jobs"]):
            self._ledger.restore(to_job(row))
        for state, count in self._execute(self._sql["count_ended"]):
            self._ledger.count_by_state[State(state)] = count
        self._stale = False
        self._show()

    def _show(self) -> None:
        ledger = self._ledger
        counts = {state: count for state, count in ledger.count_by_state.items() if count}
        self.shown = (counts, ledger.ended_count, self._sequence)


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
    )
