"""The store in the schema `gateway` of a PostgreSQL database: any number of gateways."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from gateway.store.database import Row, Run
from gateway.store.version import schema
from services.chassis.lifecycle import StartError, background
from services.chassis.outages import Outages
from services.chassis.postgres import FAILURES, FAULTS_OF_A_CALL, Connection, Pool, shown
from services.chassis.postgres_migration import migrate_postgres

_SCHEMA = schema("postgres")
_LOCK = 0x63666761
"""Number of the advisory lock under which the schema is changed."""
_CHANNEL = "clipferry_gateway"
_CONNECT_S = 3.0
_STATEMENT_S = 5.0
_ACQUIRE_S = 3.0
_CONNECT_AGAIN_S = 1.0
_CONNECTIONS = 4
_SERVER_SETTINGS = {
    "application_name": "clipferry-gateway",
    "search_path": "gateway",
    # A replica that is frozen in mid-transaction must not hold up all others for ever.
    "idle_in_transaction_session_timeout": "10000",
}


class PostgresDatabase:
    """See `gateway.store.database.Database`. Transactions see what was committed before each statement."""

    def __init__(self, url: str, pool: Pool, outages: Outages) -> None:
        self._url = url
        self._pool = pool
        self._outages = outages
        self._rung = asyncio.Event()

    async def run(self, sql: str, *arguments: Any) -> Sequence[Row]:
        with self._outages.told():
            async with self._pool.acquire(timeout=_ACQUIRE_S) as connection:
                return [tuple(row) for row in await connection.fetch(sql, *arguments)]

    @asynccontextmanager
    async def transaction(self, *, lock: str = "") -> AsyncIterator[Run]:
        with self._outages.told():
            async with self._pool.acquire(timeout=_ACQUIRE_S) as connection, connection.transaction():

                async def run(sql: str, *arguments: Any) -> Sequence[Row]:
                    return [tuple(row) for row in await connection.fetch(sql, *arguments)]

                if lock:
                    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", lock, _LOCK)
                yield run

    async def rung(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._rung.wait()
        self._rung.clear()

    async def listen(self) -> None:
        """Hear the bell until cancelled. While it cannot be heard, `rung` is on its own."""
        while True:
            with suppress(*FAILURES):
                await self._listen_on(await _connect(self._url))
            await asyncio.sleep(_CONNECT_AGAIN_S)

    async def _listen_on(self, connection: Connection) -> None:
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(_CHANNEL, lambda *_said: self._rung.set())
            self._rung.set()  # something may have happened before
            await lost.wait()
            self._rung.set()  # something may happen until it is heard again
        finally:
            connection.terminate()


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[PostgresDatabase]:
    """Open the store at `url` for the length of the block, making or migrating its schema if needed.

    Raises:
        StartError: If the database cannot be used.
    """
    await bring_up_to_date(url)
    outages = Outages(shown(url), failures=FAILURES, faults=FAULTS_OF_A_CALL)
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=_CONNECTIONS,
        timeout=_CONNECT_S,
        command_timeout=_STATEMENT_S,
        server_settings=_SERVER_SETTINGS,
    )
    async with pool:
        database = PostgresDatabase(url, pool, outages)
        async with background(database.listen(), name="gateway-bell"):
            yield database


async def _connect(url: str) -> Connection:
    return await asyncpg.connect(
        url, timeout=_CONNECT_S, command_timeout=_STATEMENT_S, server_settings=_SERVER_SETTINGS
    )


async def has_schema(url: str) -> bool:
    """Return whether a gateway has made its schema there.

    Raises:
        StartError: If the database cannot be reached.
    """
    try:
        connection = await _connect(url)
    except FAILURES as error:
        raise StartError(f"the database at {shown(url)} cannot be reached: {error}.") from error
    try:
        return await _version(connection) > 0
    finally:
        await connection.close()


async def bring_up_to_date(url: str) -> None:
    """Bring the schema to the present version.

    Raises:
        StartError: If the database cannot be reached or used, or a newer clipferry wrote it.
    """
    await migrate_postgres(url, _SCHEMA, connect=_connect, version_of=_version, lock=_LOCK)


async def _version(connection: Connection) -> int:
    if await connection.fetchval("SELECT to_regclass('gateway.marks')") is None:
        return 0
    return int(await connection.fetchval("SELECT version FROM gateway.marks WHERE topic = 'schema'"))
