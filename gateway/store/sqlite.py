"""The store in a SQLite file: one gateway, one thread."""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from gateway.store.database import Row, Run
from gateway.store.version import schema
from services.chassis.lifecycle import StartError
from services.chassis.outages import Outages
from services.chassis.own_files import held_open

_SCHEMA = schema("sqlite")
_FAULTS_OF_A_CALL = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
"""What the database says of a call, not of itself."""

T = TypeVar("T")


class SqliteDatabase:
    """See `gateway.store.database.Database`. Transactions come one after another."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, outages: Outages) -> None:
        self._connection = connection
        self._thread = thread
        self._outages = outages
        self._turn = asyncio.Lock()

    async def run(self, sql: str, *arguments: Any) -> Sequence[Row]:
        async with self._turn:
            return await self._execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self, *, lock: str = "") -> AsyncIterator[Run]:
        del lock  # there is no other transaction at all
        async with self._turn:
            try:
                await self._execute("BEGIN IMMEDIATE")
                yield self._execute
                await self._execute("COMMIT")
            except BaseException:
                await self._in_thread(self._roll_back)
                raise

    async def rung(self, timeout_s: float) -> None:
        await asyncio.sleep(timeout_s)

    async def _execute(self, sql: str, *arguments: Any) -> Sequence[Row]:
        named = {str(number): argument for number, argument in enumerate(arguments, 1)}
        with self._outages.told():
            return await self._in_thread(lambda: self._connection.execute(sql, named).fetchall())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # What has been handed to the thread is done, whoever has lost interest: half a transaction would stay open.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@asynccontextmanager
async def open_sqlite(path: Path, *, alone: bool) -> AsyncIterator[SqliteDatabase]:
    """Open the store at `path` for the length of the block, making or migrating it if needed.

    Args:
        path: On a local disk.
        alone: Hold the file against other gateways.

    Raises:
        StartError: If the file cannot be used, or another gateway holds it.
    """
    outages = Outages(str(path), failures=(sqlite3.Error,), faults=_FAULTS_OF_A_CALL)
    with ThreadPoolExecutor(1, thread_name_prefix="gateway-store") as thread, _held(path, alone=alone):
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(thread, _connect, path)
        except sqlite3.Error as error:
            raise StartError(f"the database {str(path)!r} cannot be opened: {error}.") from error
        try:
            yield SqliteDatabase(connection, thread, outages)
        finally:
            await loop.run_in_executor(thread, connection.close)


@contextmanager
def _held(path: Path, *, alone: bool) -> Iterator[None]:
    """Hold the file's lock, if `alone`: limits and sessions live in one process when the store is SQLite."""
    try:
        lock = held_open(path)
    except OSError as error:
        raise StartError(f"the database {str(path)!r} cannot be created: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if alone:
                raise StartError(
                    f"another gateway uses the database {str(path)!r}; several need GATEWAY_DATABASE_URL=postgresql://…"
                ) from error
        yield


def _connect(path: Path) -> sqlite3.Connection:
    _migrate(path)
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _migrate(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        has_marks = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone()
        version = 0
        if has_marks:
            (version,) = connection.execute("SELECT version FROM marks WHERE topic = 'schema'").fetchone()
    if _SCHEMA.is_due(version, repr(str(path))):
        _SCHEMA.apply(f"sqlite:///{quote(str(path.absolute()))}")
