"""A schema of a PostgreSQL database, brought to the present version by one replica at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from services.chassis.lifecycle import StartError
from services.chassis.migrations import Schema
from services.chassis.postgres import FAILURES, Connection, migrations_url, shown

_OTHERS_S = 600.0
"""How long another replica may take to migrate: far longer than any statement of the service itself."""


async def migrate_postgres(
    url: str,
    schema: Schema,
    *,
    connect: Callable[[str], Awaitable[Connection]],
    version_of: Callable[[Connection], Awaitable[int]],
    lock: int,
) -> None:
    """Bring a schema of a PostgreSQL database to the present version, at one replica at a time.

    Args:
        url: Of the database.
        schema: What it is to be.
        connect: Opens a connection.
        version_of: Reads the version that is there; 0 when there is none.
        lock: Number of the advisory lock that replicas wait for each other with.

    Raises:
        StartError: If the database cannot be reached or used, or a newer clipferry wrote it.
    """
    try:
        connection = await connect(url)
    except (ValueError, *FAILURES) as error:
        raise StartError(f"the database at {shown(url)} cannot be used: {error or type(error).__name__}.") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", lock, timeout=_OTHERS_S)
        if schema.is_due(await version_of(connection), f"at {shown(url)}"):
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema.owner}")
            await asyncio.to_thread(schema.apply, migrations_url(url, schema.owner))
    except FAILURES as error:
        raise StartError(f"the database at {shown(url)} cannot be used: {error or type(error).__name__}.") from error
    finally:
        await connection.close()
