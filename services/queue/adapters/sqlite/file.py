"""The file of the SQLite store: made if needed, brought to the present schema, and held by one process."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.chassis.lifecycle import StartError
from services.chassis.migrations import Schema
from services.chassis.own_files import held_open

_SCHEMA = Schema(owner="queue", version=4, migrations=Path(__file__).parent / "migrations")
"""``PRAGMA user_version`` holds the version."""


def _as_it_is(value: Any) -> Any:
    return value


# For each NULL and each blob sqlite3 looks who has another form of it. To be told that it is good as it is takes half
# the time of finding nobody.
sqlite3.register_adapter(type(None), _as_it_is)
sqlite3.register_adapter(bytes, _as_it_is)


@contextmanager
def held_database(path: Path) -> Iterator[None]:
    """Hold the database at `path` for the length of the block, with the present schema.

    Raises:
        StartError: If another process holds it, it cannot be opened, or a newer clipferry wrote it.
    """
    try:
        lock = held_open(path)
    except OSError as error:
        raise StartError(f"the database {str(path)!r} cannot be opened: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"the database {str(path)!r} is held by another process; one queue at a time.") from error
        try:
            _migrate(path)
        except sqlite3.Error as error:
            raise StartError(f"the database {str(path)!r} cannot be opened: {error}.") from error
        yield


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time, with explicit transactions."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=128)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        # A checkpoint is a pause for everybody: rather seldom.
        "wal_autocheckpoint=4000",
        "cache_size=-32000",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _migrate(path: Path) -> None:
    with closing(connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    if _SCHEMA.is_due(version, repr(str(path))):
        _SCHEMA.apply(f"sqlite:///{quote(str(path.absolute()))}")
