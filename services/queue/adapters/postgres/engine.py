"""The writing side of the PostgreSQL store: what a transaction decides becomes one statement.

Every transaction of every replica takes the lock on the one row of `meta` first. So they come one after the other,
each sees all that was before, there is no deadlock, and the log is dense and in commit order. What that costs in
concurrency, grouping gives back: the calls of a replica that wait for the lock are its next transaction together.
Nothing is faster than what is not sent: a transaction is five messages (lock, counters, jobs, changes, commit).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import asyncpg

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import ClipferryError
from services.chassis.outages import Outages
from services.chassis.postgres import Connection
from services.queue.adapters.backend import Rules
from services.queue.adapters.postgres.connection import writing
from services.queue.adapters.postgres.rows import to_event_row
from services.queue.adapters.rows import to_job, to_row
from services.queue.core.batch import Alias, Batch, Request
from services.queue.core.calls import Call, Purge, Wanted, wanted_by
from services.queue.core.job import Job, State
from services.queue.core.ledger import Ledger
from services.queue.core.ports import Change, Purged


class PostgresEngine:
    """Everything that this replica changes in the database.

    Args:
        connect: Opens a connection, which is kept until it fails.
        sql: Statements by name.
        outages: Told when the database is away.
        rules: See there.
        clock: None: the database's, so that no two replicas must agree on the time.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        sql: Mapping[str, str],
        outages: Outages,
        *,
        rules: Rules,
        clock: Clock | None,
    ) -> None:
        self._connect = connect
        self._sql = sql
        self._outages = outages
        self._rules = rules
        self._clock = clock
        self._monotonic_s = (clock or SystemClock()).monotonic_s
        self._connection: Connection | None = None
        self._has_begun = False
        """Whether this replica has done anything yet. Until then it does not know for how long there was no queue."""
        self._failing_since_s: float | None = None
        """When the first transaction began that failed since one that did not."""

    async def transact(self, calls: Sequence[Call[Any]]) -> tuple[Sequence[Any], Sequence[Change]]:
        """See `services.queue.adapters.group_commit.Engine`."""
        wanted = wanted_by(calls)
        began_at_s = self._monotonic_s()
        try:
            with self._outages.told():
                if self._connection is None:
                    self._connection = await self._connect()
                async with writing(self._connection, self._sql["begin"]) as connection:
                    batch = await self._begin(connection, wanted)
                    answers = [call.run(batch) for call in calls]
                    await self._save(connection, batch)
        except (ClipferryError, asyncio.CancelledError):
            self.close()
            if self._failing_since_s is None:
                self._failing_since_s = began_at_s
            raise
        self._has_begun, self._failing_since_s = True, None
        return answers, batch.changes

    def close(self) -> None:
        """Drop the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _begin(self, connection: Connection, wanted: Wanted) -> Batch:
        given_ms = None if self._clock is None else self._clock.time_ms()
        meta = await connection.fetchrow(self._sql["counters"], given_ms, list(wanted.admitted), list(wanted.retried))
        if meta is None:
            raise AssertionError("the counters are gone")
        now_ms = max(meta["now_ms"], meta["clock_ms"])
        await self._grant_grace(connection, now_ms, unused_ms=now_ms - meta["clock_ms"])
        counts = Counter({State(name): count for name, count in json.loads(meta["counts"]).items()})
        ledger = Ledger(self._rules.limits, meta["ended_count"], meta["served_tag"], counts)
        if meta["turns"] is not None:
            ledger.next_tags.update(json.loads(meta["turns"]))
        batch = Batch(ledger, self._rules.policy, self._rules.encode, now_ms=now_ms, sequence=meta["sequence"])
        batch.next_due_ms = meta["next_due_ms"]
        await self._load(connection, wanted, batch)
        return batch

    async def _grant_grace(self, connection: Connection, now_ms: int, *, unused_ms: int) -> None:
        """Make up for the time in which nobody could renew a lease, if there was enough of it to lose one.

        Args:
            unused_ms: Since somebody, whichever replica, last changed something.
        """
        ttl_ms = self._rules.policy.lease_ttl_ms
        if not self._has_begun:
            if unused_ms > ttl_ms // 2:
                await connection.execute(self._sql["grace"], now_ms + ttl_ms)
        elif self._failing_since_s is not None:
            # What only this replica could not use was no outage: the others went on renewing, and taking back.
            away_ms = min(round((self._monotonic_s() - self._failing_since_s) * 1000), unused_ms)
            # Workers beat three times in a TTL, or more often: in less than a third they miss one beat, which is fine.
            if away_ms > ttl_ms // 3:
                await connection.execute(self._sql["stand_still"], away_ms, now_ms + ttl_ms)

    async def _load(self, connection: Connection, wanted: Wanted, batch: Batch) -> None:
        if wanted.purge is not None:
            batch.purged = await self._purge(connection, wanted.purge, batch)
        if wanted.offers and self._rules.limits.max_running_per_owner:
            batch.ledger.running_by_owner.update(_numbers(await connection.fetch(self._sql["count_running"])))
        if wanted.job_ids or wanted.live_keys or wanted.offers or wanted.reap_count:
            await self._load_jobs(connection, wanted, batch)
        if self._rules.limits.max_waiting_per_owner and (wanted.admitted or wanted.retried):
            retried = {job.owner for job_id in wanted.retried if (job := batch.job(job_id)) is not None}
            rows = await connection.fetch(self._sql["count_waiting"], list(wanted.admitted | retried))
            batch.ledger.waiting_by_owner.update(_numbers(rows))

    async def _load_jobs(self, connection: Connection, wanted: Wanted, batch: Batch) -> None:
        requests = list(wanted.requests)
        rows = await connection.fetch(
            self._sql["wanted_jobs"],
            list(wanted.job_ids),
            list(wanted.live_keys),
            [owner for owner, _ in requests],
            [request_id for _, request_id in requests],
            batch.now_ms,
            wanted.most_bytes,
            wanted.free_bytes,
            batch.ledger.full_owners(),
            wanted.due_count,
            wanted.reap_count,
        )
        found: dict[str, list[Job]] = {"known": [], "due": [], "expired": []}
        for why, *columns, alias_request_id, alias_spec in rows:
            job = to_job(columns)
            found[why].append(job)
            if alias_request_id is not None:
                batch.requests[job.owner, alias_request_id] = Request(job.id, alias_spec)
            elif job.request_id is not None and (job.owner, job.request_id) in wanted.requests:
                batch.requests[job.owner, job.request_id] = Request(job.id, job.spec)
            if why == "known" and job.ended_ms is None and not job.cancel_requested:
                batch.ledger.live_ids[job.live_key].add(job.id)
        for jobs in found.values():
            batch.know(jobs)
        batch.due = [job.id for job in sorted(found["due"], key=lambda job: (-job.priority, job.fair_key, job.id))]
        batch.due_is_cut = bool(batch.due) and len(batch.due) == wanted.due_count
        batch.expired = [job.id for job in found["expired"]]

    async def _purge(self, connection: Connection, purge: Purge, batch: Batch) -> Purged:
        rows = await connection.fetch(self._sql["purge_jobs"], batch.now_ms - purge.ended_for_ms, purge.limit)
        batch.ledger.forget(State(row["state"]) for row in rows)
        await connection.execute(self._sql["purge_aliases"], [row["id"] for row in rows])
        await connection.execute(self._sql["forget_turns"], batch.ledger.served_tag)
        oldest = batch.sequence - purge.keep_events
        return Purged(len(rows), await connection.fetchval(self._sql["purge_events"], oldest, purge.limit))

    async def _save(self, connection: Connection, batch: Batch) -> None:
        updated = batch.updated
        if not (batch.changes or updated or batch.aliases or batch.purged.job_count):
            return
        ledger = batch.ledger
        saved_count = await connection.fetchval(
            self._sql["save"],
            [to_row(after) for _, after in updated],
            [before.state for before, _ in updated],
            [before.token for before, _ in updated],
            [before.version for before, _ in updated],
            [to_row(job) for job in batch.created],
            [to_event_row(change) for change in batch.changes],
            *(zip(*batch.aliases, strict=True) if batch.aliases else [()] * len(Alias._fields)),
            list(ledger.next_tags),
            list(ledger.next_tags.values()),
            batch.sequence,
            ledger.ended_count,
            ledger.served_tag,
            batch.now_ms,
            json.dumps({state: count for state, count in ledger.count_by_state.items() if count}),
        )
        if saved_count != len(updated):
            raise AssertionError("somebody writes to the database without its lock")


def _numbers(rows: Sequence[asyncpg.Record]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}
