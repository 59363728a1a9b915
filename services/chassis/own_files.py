"""Files that hold what is nobody else's business: secrets, and what people fetch."""

import os
from pathlib import Path
from typing import TextIO

_OWNER_ONLY = 0o600
_OWNER_ONLY_FOLDER = 0o700


def held_open(database: Path) -> TextIO:
    """Make the file of a SQLite database, its folder and its lock, each for the owner only; what is there stays.

    SQLite gives its ``-wal`` and ``-shm`` files the mode of the database (its documentation of temporary files says
    so, and a test holds it).

    Returns:
        The lock file, open.

    Raises:
        OSError: If one cannot be made.
    """
    database.parent.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    os.close(_made(database))
    return os.fdopen(_made(database.with_name(f"{database.name}.lock")), "w")


def _made(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
