"""The schema `queue` of the database: made if needed, and brought to the present version by one replica at a time."""

from pathlib import Path

from services.chassis.migrations import Schema
from services.chassis.postgres import Connection
from services.chassis.postgres_migration import migrate_postgres
from services.queue.adapters.postgres.connection import connect

SCHEMA = Schema(owner="queue", version=5, migrations=Path(__file__).parent / "migrations")
_LOCK = 0x636C6970


async def bring_up_to_date(url: str) -> None:
    """Bring the schema to the present version.

    Raises:
        StartError: If the database cannot be reached or used, or a newer clipferry wrote it.
    """
    await migrate_postgres(url, SCHEMA, connect=connect, version_of=_version, lock=_LOCK)


async def _version(connection: Connection) -> int:
    if await connection.fetchval("SELECT to_regclass('queue.meta')") is None:
        return 0
    return int(await connection.fetchval("SELECT schema_version FROM queue.meta"))
