"""The gateway's own SQLite file, used from one thread."""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar

from services.chassis.lifecycle import StartError

_MIGRATIONS = Path(__file__).parent / "migrations"

T = TypeVar("T")


class AuthStore:
    """Runs transactions one after another in one thread, so that the loop never waits for the disk."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run `transaction` alone; it is committed when it returns and rolled back when it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, transaction)

    def _run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = transaction(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return result


@asynccontextmanager
async def open_store(path: str) -> AsyncIterator[AuthStore]:
    """Open the store at `path`, creating or migrating it if needed, and close it with the block.

    Raises:
        StartError: If the file cannot be used, or another gateway uses it.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="gateway-store") as thread, _only_process(path):
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(thread, _connect, path)
        except sqlite3.Error as error:
            raise StartError(f"the database {path!r} cannot be opened: {error}.") from error
        try:
            yield AuthStore(connection, thread)
        finally:
            await loop.run_in_executor(thread, connection.close)


@contextmanager
def _only_process(path: str) -> Iterator[None]:
    """Hold the file's lock: revocations and rotations live in one process when the store is SQLite."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        lock = Path(f"{path}.lock").open("w")  # noqa: SIM115 - closed by the block below
    except OSError as error:
        raise StartError(f"the database {path!r} cannot be created: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"another gateway uses the database {path!r}.") from error
        yield


def _connect(path: str) -> sqlite3.Connection:
    _migrate(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _migrate(path: str) -> None:
    from yoyo import get_backend, read_migrations  # noqa: PLC0415 - needed once, at start

    migrations = read_migrations(str(_MIGRATIONS))
    backend = get_backend(f"sqlite:///{path}")
    with closing(backend.connection), backend.lock():
        backend.apply_migrations(backend.to_apply(migrations))
