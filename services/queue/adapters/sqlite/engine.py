"""The writing side of the SQLite store: what a transaction decides becomes rows, in a thread of its own."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.chassis.outages import Outages
from services.queue.adapters.backend import Rules
from services.queue.adapters.rows import to_job
from services.queue.adapters.sqlite.row_writer import RowWriter
from services.queue.core.batch import Batch, Request
from services.queue.core.calls import Call, Purge, Wanted, wanted_by
from services.queue.core.job import ACTIVE, WAITING, Job, State
from services.queue.core.ledger import Ledger
from services.queue.core.ports import Change, Purged

_KNOWN_COUNT = 1_000
"""Jobs that are kept in memory, some 2 KB each, beyond which none that waits is added."""


class SqliteEngine:
    """Everything that changes the database. It is the only one that does, so it may remember what it wrote.

    Args:
        connection: Its own.
        sql: Statements by name.
        outages: Told when the database cannot be used.
        rules: See there.
        clock: Only ever read forward.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        sql: Mapping[str, str],
        outages: Outages,
        *,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._connection = connection
        self._sql = sql
        self._rows = RowWriter(connection, sql)
        self._outages = outages
        self._rules = rules
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="queue-writer")
        self._known: dict[str, Job] = {}
        """Jobs as they were written: all runs, which are asked for again and again, and some of those that wait."""
        self._ledger: Ledger | None = None
        """None: the account must be made anew from the jobs."""
        self._was_away = True
        """Whether nobody could renew a lease for a while, because there was no queue or no database."""
        self._now_ms = 0
        self._sequence = 0
        self.shown: tuple[Mapping[State, int], int, int] = ({}, 0, 0)
        """Counts by state, jobs ended, newest sequence: as of the last commit, for any thread to read."""

    async def transact(self, calls: Sequence[Call[Any]]) -> tuple[Sequence[Any], Sequence[Change]]:
        """See `services.queue.adapters.group_commit.Engine`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, calls)

    async def close(self) -> None:
        """Let the thread end."""
        await asyncio.to_thread(self._thread.shutdown)

    def restore(self) -> None:
        """Take in what the file holds."""
        self._transaction(lambda _batch: ())

    def _transact(self, calls: Sequence[Call[Any]]) -> tuple[Sequence[Any], Sequence[Change]]:
        wanted = wanted_by(calls)

        def decide(batch: Batch) -> Sequence[Any]:
            self._load(wanted, batch)
            return [call.run(batch) for call in calls]

        return self._transaction(decide)

    def _transaction(self, decide: Callable[[Batch], Any]) -> tuple[Any, Sequence[Change]]:
        try:
            with self._outages.told():
                ledger = self._ledger or self._restore()
                self._execute("BEGIN IMMEDIATE")
                now_ms = max(self._clock.time_ms(), self._now_ms)
                if self._was_away:
                    self._grant_grace(now_ms)
                batch = Batch(ledger, self._rules.policy, self._rules.encode, now_ms=now_ms, sequence=self._sequence)
                answers = decide(batch)
                self._save(batch)
                self._execute("COMMIT")
        except BaseException as error:
            self._rollback()
            self._was_away |= isinstance(error, ClipferryError)
            raise
        self._remember(batch)
        return answers, batch.changes

    def _load(self, wanted: Wanted, batch: Batch) -> None:
        if wanted.purge is not None:
            batch.purged = self._purge(wanted.purge, batch)
        job_ids = set(wanted.job_ids)
        job_ids.update(job_id for key in wanted.live_keys if (job_id := batch.ledger.twin(key)) is not None)
        for owner, request_id in wanted.requests:
            row = self._execute(self._sql["find_request"], (owner, request_id)).fetchone()
            if row is not None:
                batch.requests[owner, request_id] = Request._make(row)
                job_ids.add(row[0])
        batch.know(job for job_id in job_ids if (job := self._get(job_id)) is not None)
        if wanted.offers:
            due_count = wanted.due_count
            batch.due = self._due(wanted, batch, due_count)
            batch.due_is_cut = len(batch.due) == due_count
            batch.next_due_ms = self._execute(self._sql["next_due"], (batch.now_ms,)).fetchone()[0]
        if wanted.reap_count:
            batch.expired = self._know(batch, "expired_jobs", (batch.now_ms, wanted.reap_count))

    def _know(self, batch: Batch, name: str, parameters: Sequence[Any]) -> list[str]:
        jobs = [to_job(row) for row in self._execute(self._sql[name], parameters)]
        batch.know(jobs)
        return [job.id for job in jobs]

    def _due(self, wanted: Wanted, batch: Batch, due_count: int) -> list[str]:
        full = json.dumps(batch.ledger.full_owners())
        limits = (batch.now_ms, wanted.most_bytes, wanted.free_bytes, full, due_count)
        due = [job_id for (job_id,) in self._execute(self._sql["due_jobs"], limits)]
        batch.know(self._known[job_id] for job_id in due if job_id in self._known)
        if unknown := [job_id for job_id in due if job_id not in self._known]:
            self._know(batch, "get_jobs", (json.dumps(unknown),))
        return due

    def _get(self, job_id: str) -> Job | None:
        job = self._known.get(job_id)
        if job is None:
            row = self._execute(self._sql["get_job"], (job_id,)).fetchone()
            job = None if row is None else to_job(row)
        return job

    def _purge(self, purge: Purge, batch: Batch) -> Purged:
        gone = self._execute(self._sql["purge_jobs"], (batch.now_ms - purge.ended_for_ms, purge.limit)).fetchall()
        batch.ledger.forget(State(state) for _, state in gone)
        self._executemany(self._sql["purge_aliases"], [(job_id,) for job_id, _ in gone])
        oldest = self._sequence - purge.keep_events
        return Purged(len(gone), self._execute(self._sql["purge_events"], (oldest, purge.limit)).rowcount)

    def _save(self, batch: Batch) -> None:
        self._rows.insert_jobs(batch.created)
        if batch.aliases:
            self._executemany(self._sql["insert_alias"], batch.aliases)
        updated = batch.updated
        if self._rows.update_jobs(updated) != len(updated):
            raise AssertionError("somebody else writes to the database")
        self._rows.insert_events(change.event for change in batch.changes)
        if batch.changes or updated:
            self._execute(self._sql["write_meta"], (batch.sequence, batch.ledger.ended_count, batch.now_ms))

    def _remember(self, batch: Batch) -> None:
        self._was_away = False
        self._now_ms = batch.now_ms
        self._sequence = batch.sequence
        self._ledger = batch.ledger
        for job in batch.written:
            if job.state in ACTIVE or (job.state in WAITING and len(self._known) < _KNOWN_COUNT):
                self._known[job.id] = job
            else:
                self._known.pop(job.id, None)
        counts = {state: count for state, count in batch.ledger.count_by_state.items() if count}
        self.shown = (counts, batch.ledger.ended_count, batch.sequence)

    def _restore(self) -> Ledger:
        self._sequence, ended_count, self._now_ms = self._execute(self._sql["read_meta"]).fetchone()
        ledger = Ledger(self._rules.limits, ended_count=ended_count)
        for row in self._execute(self._sql["live_jobs"]):
            ledger.restore(to_job(row))
        for state, count in self._execute(self._sql["count_ended"]):
            ledger.count_by_state[State(state)] = count
        return ledger

    def _grant_grace(self, now_ms: int) -> None:
        self._execute(self._sql["grace"], (now_ms + self._rules.policy.lease_ttl_ms,))

    def _rollback(self) -> None:
        self._ledger = None
        self._known.clear()
        if self._connection.in_transaction:
            try:
                self._execute("ROLLBACK")
            except sqlite3.Error:
                return  # the failure that led here is told; the next BEGIN fails too if this one stays
