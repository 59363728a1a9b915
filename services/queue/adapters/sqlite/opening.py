"""The SQLite store, put together."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

from services.chassis.clock import Clock
from services.chassis.outages import Outages
from services.queue.adapters.backend import Backend, Rules
from services.queue.adapters.group_commit import GroupCommit
from services.queue.adapters.rows import load_statements
from services.queue.adapters.sqlite.engine import SqliteEngine
from services.queue.adapters.sqlite.file import connect, held_database
from services.queue.adapters.sqlite.reader import SqliteReader
from services.queue.adapters.sqlite.row_writer import PARTS
from services.queue.adapters.store import EngineStore
from services.queue.core.lease import Lease
from services.queue.core.ports import Change
from services.queue.core.roll import Alone
from services.queue.core.runs import Progress

_READERS = 2
_FAULTS_OF_A_CALL = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
"""What the database says of a call, not of itself."""


@asynccontextmanager
async def open_sqlite(
    path: Path, rules: Rules, *, clock: Clock, publish: Callable[[Sequence[Change]], None]
) -> AsyncIterator[Backend]:
    """Open the store at `path` for the length of the block, making file and folder if needed.

    Args:
        path: On a local disk.
        rules: See there.
        clock: Only ever read forward.
        publish: Hears of the changes of each commit, in the loop, before the calls that made them return.

    Raises:
        StartError: If another process holds the file, or it cannot be opened.
    """
    sql = load_statements(Path(__file__).with_name("statements.sql"), **PARTS)
    outages = Outages(str(path), failures=(sqlite3.Error,), faults=_FAULTS_OF_A_CALL)
    async with AsyncExitStack() as stack:

        def open_file() -> tuple[SqliteEngine, SqliteReader]:
            stack.enter_context(held_database(path))
            writing, *reading = [stack.enter_context(closing(connect(path))) for _ in range(1 + _READERS)]
            engine = SqliteEngine(writing, sql, outages, rules=rules, clock=clock)
            engine.restore()
            return engine, SqliteReader(reading, sql, outages, rules.encode, lambda: engine.shown)

        async def publish_all(changes: Sequence[Change]) -> None:
            publish(changes)

        engine, reader = await asyncio.to_thread(open_file)
        stack.push_async_callback(engine.close)
        stack.push_async_callback(reader.close)
        commits = GroupCommit(engine, publish_all)
        await stack.enter_async_context(commits.serving())
        yield Backend(EngineStore(commits, reader), Alone(), _nothing_to_follow)


async def _nothing_to_follow(_report: Callable[[Lease, Progress], object], _changed: Callable[[], None]) -> None:
    await asyncio.Event().wait()
