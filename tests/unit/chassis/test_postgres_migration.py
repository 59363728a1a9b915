"""Replicas that start together: one migrates, the others wait for it."""

import asyncio
from pathlib import Path

import asyncpg

from services.chassis.migrations import Schema
from services.chassis.postgres import Connection
from services.chassis.postgres_migration import migrate_postgres
from tests.fakes.postgres import database_for

LOCK = 4711
_STATEMENT_S = 1.0


async def test_a_migration_may_take_longer_than_any_statement(tmp_path: Path) -> None:
    """The second replica waits for the first, instead of dying of its own time limit for statements."""
    url = database_for(tmp_path)
    waiting = asyncio.Event()

    async def connect(url: str) -> Connection:
        waiting.set()
        return await asyncpg.connect(url, command_timeout=_STATEMENT_S)

    async def version_of(_connection: Connection) -> int:
        return 1

    schema = Schema(owner="some", version=1, migrations=tmp_path)
    first = await asyncpg.connect(url)
    await first.execute("SELECT pg_advisory_lock($1)", LOCK)
    second = asyncio.create_task(
        migrate_postgres(url, schema, connect=connect, version_of=version_of, lock=LOCK), name="second"
    )
    await waiting.wait()
    _, pending = await asyncio.wait([second], timeout=2 * _STATEMENT_S)
    assert pending

    await first.execute("SELECT pg_advisory_unlock($1)", LOCK)

    await asyncio.wait_for(second, 30)
    await first.close()
