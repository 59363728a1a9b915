"""The schema `queue` of the database: made if needed, and brought to the present version by one replica at a time."""

import asyncio
from pathlib import Path

import asyncpg
import structlog

from services.chassis.lifecycle import StartError
from services.chassis.postgres import FAILURES, Connection, migrations_url, shown
from services.queue.adapters.postgres.connection import connect

logger = structlog.get_logger(__name__)

SCHEMA_VERSION = 3
"""What `queue.meta` says after the last migration."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x636C6970
"""Number of the advisory lock under which the schema is changed."""


async def bring_up_to_date(url: str) -> None:
    """Bring the schema to the present version.

    Raises:
        StartError: If the database cannot be reached or used, or a newer clipferry wrote it.
    """
    try:
        connection = await connect(url)
    except (ValueError, *FAILURES) as error:
        raise StartError(f"the database at {shown(url)} cannot be used: {error or type(error).__name__}.") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _migrate(connection, url)
    except asyncpg.PostgresError as error:
        raise StartError(f"the database at {shown(url)} cannot be used: {error}.") from error
    finally:
        await connection.close()


async def _migrate(connection: Connection, url: str) -> None:
    version = 0
    if await connection.fetchval("SELECT to_regclass('queue.meta')") is not None:
        version = await connection.fetchval("SELECT schema_version FROM queue.meta")
    if version > SCHEMA_VERSION:
        raise StartError(
            f"the database at {shown(url)} has schema version {version}, from a newer clipferry; "
            f"this one knows {SCHEMA_VERSION}."
        )
    if version < SCHEMA_VERSION:
        await connection.execute("CREATE SCHEMA IF NOT EXISTS queue")
        await asyncio.to_thread(_apply_migrations, url)
        logger.info(
            "The database was brought to the present schema.", action="database_migrated", version=SCHEMA_VERSION
        )


def _apply_migrations(url: str) -> None:
    # Imported only when there is something to do: it takes longer than everything else here.
    import yoyo  # noqa: PLC0415

    backend = yoyo.get_backend(migrations_url(url, "queue"))
    try:
        backend.apply_migrations(backend.to_apply(yoyo.read_migrations(str(_MIGRATIONS))))
    finally:
        backend.connection.close()
