"""The store that a URL names.

Only the driver of the engine that is asked for is loaded: it shows in the time of a start.
"""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

from gateway.store.database import Database

SQLITE = "sqlite:///"
POSTGRES = "postgresql://"
_POSTGRES_TOO = "postgres://"
"""What many hosters write."""


def checked_url(url: str) -> str:
    """Return `url` as `open_database` takes it.

    Raises:
        ValueError: If it names no store.
    """
    if url.startswith(_POSTGRES_TOO):
        url = POSTGRES + url.removeprefix(_POSTGRES_TOO)
    is_postgres = url.startswith(POSTGRES) and len(url) > len(POSTGRES) and _has_port(url)
    is_file = url.startswith(SQLITE) and url.removeprefix(SQLITE) not in ("", ":memory:") and not set(url) & set("?#")
    if not (is_postgres or is_file):
        raise ValueError(
            f"must be {SQLITE} and the path of a file, such as {SQLITE}var/gateway.db, "
            f"or {POSTGRES}user:password@host:port/name"
        )
    return url


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:  # it is no number
        return False


async def is_there(url: str) -> bool:
    """Return whether there is a store at `url`: a gateway has run on it.

    Raises:
        StartError: If the database cannot be reached.
    """
    if url.startswith(POSTGRES):
        from gateway.store.postgres import has_schema  # noqa: PLC0415

        return await has_schema(url)
    return Path(url.removeprefix(SQLITE)).exists()


def shown_url(url: str) -> str:
    """Return `url` without what lets somebody in."""
    if url.startswith(POSTGRES):
        from services.chassis.postgres import shown  # noqa: PLC0415

        return f"{POSTGRES}{shown(url)}"
    return url


def open_database(url: str, *, alone: bool = True) -> AbstractAsyncContextManager[Database]:
    """Open the store at `url` for the length of the block.

    Args:
        url: ``sqlite:///`` and a path, or ``postgresql://…``.
        alone: Hold a SQLite file against other gateways. A command that only writes a row does not.

    Raises:
        StartError: If it cannot be used.
    """
    if url.startswith(POSTGRES):
        from gateway.store.postgres import open_postgres  # noqa: PLC0415

        return open_postgres(url)
    from gateway.store.sqlite import open_sqlite  # noqa: PLC0415

    return open_sqlite(Path(url.removeprefix(SQLITE)), alone=alone)
