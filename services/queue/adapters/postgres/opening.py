"""The PostgreSQL store, put together."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path

from services.chassis.clock import Clock
from services.chassis.outages import Outages
from services.chassis.postgres import FAILURES, FAULTS_OF_A_CALL, shown
from services.queue.adapters.backend import Backend, Rules
from services.queue.adapters.group_commit import GroupCommit
from services.queue.adapters.postgres.bell import Bell
from services.queue.adapters.postgres.connection import connect, open_pool
from services.queue.adapters.postgres.engine import PostgresEngine
from services.queue.adapters.postgres.peers import PostgresPeers
from services.queue.adapters.postgres.reader import PostgresReader
from services.queue.adapters.postgres.rows import EVENT_COLUMNS
from services.queue.adapters.postgres.schema import bring_up_to_date
from services.queue.adapters.postgres.tail import Tail
from services.queue.adapters.rows import load_statements
from services.queue.adapters.store import EngineStore
from services.queue.core.batch import Alias
from services.queue.core.lease import Lease
from services.queue.core.ports import Change
from services.queue.core.runs import Progress


@asynccontextmanager
async def open_postgres(
    url: str, rules: Rules, *, publish: Callable[[Sequence[Change]], None], clock: Clock | None = None
) -> AsyncIterator[Backend]:
    """Open the store at `url` for the length of the block, making its schema if needed.

    Args:
        url: ``postgresql://user:password@host:port/name``.
        rules: See there.
        publish: Hears of every change, in the loop, in the order of the log.
        clock: None: the database's.

    Raises:
        StartError: If the database cannot be used.
    """
    await bring_up_to_date(url)
    columns = {"event_columns": ", ".join(EVENT_COLUMNS), "alias_columns": ", ".join(Alias._fields)}
    sql = load_statements(Path(__file__).with_name("statements.sql"), **columns)
    replica_id = uuid.uuid4().hex
    outages = Outages(shown(url), failures=FAILURES, faults=FAULTS_OF_A_CALL)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(url))
        sequence = await pool.fetchval(sql["read_meta"])
        tail = Tail(pool, sql, outages, sequence=sequence, publish=publish)
        engine = PostgresEngine(partial(connect, url), sql, outages, rules=rules, clock=clock)
        stack.enter_context(closing(engine))

        def heard() -> None:
            tail.wake()
            peers.wake()

        bell = Bell(partial(connect, url), replica_id, heard)
        peers = PostgresPeers(pool, sql, outages, replica_id, bell)

        async def append(changes: Sequence[Change]) -> None:
            bell.ring()
            await tail.append(changes)

        commits = GroupCommit(engine, append)
        await stack.enter_async_context(commits.serving())
        reader = PostgresReader(pool, sql, outages, rules.encode, lambda: tail.sequence)

        async def follow(report: Callable[[Lease, Progress], object], changed: Callable[[], None]) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(bell.serve(), name="bell")
                group.create_task(tail.follow(hears_bell=lambda: bool(bell.works)), name="tail")
                group.create_task(peers.tell_forever(), name="peers-tell")
                group.create_task(peers.listen_forever(report, changed), name="peers-listen")

        yield Backend(EngineStore(commits, reader), peers, follow)
