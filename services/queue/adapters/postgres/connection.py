"""Connections to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from services.chassis.postgres import Connection, Pool

_CONNECT_S = 3.0
_STATEMENT_S = 5.0
ACQUIRE_S = 3.0
"""How long a read waits for a connection. All together stay under the time that callers give it."""
_READERS = 4
_PLANS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    # What is ruled out above counts as very dear before PostgreSQL 18, and what is dear would be compiled each time.
    "jit": "off",
}
"""Every statement has its index. Without this a table that has just grown, or has just been emptied, is read from end
to end until the database has counted its rows again; and only plain index scans leave out what is dead from then on."""


async def connect(url: str) -> Connection:
    """Open one connection.

    Raises:
        OSError, asyncpg.PostgresError: If there is none to be had.
    """
    return await asyncpg.connect(
        url,
        timeout=_CONNECT_S,
        command_timeout=_STATEMENT_S,
        server_settings={
            "application_name": "clipferry-queue",
            # A replica that is frozen in mid-transaction must not hold up all others for ever.
            "idle_in_transaction_session_timeout": "10000",
            **_PLANS,
        },
    )


@asynccontextmanager
async def open_pool(url: str) -> AsyncIterator[Pool]:
    """Open connections for reading, for the length of the block."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=_READERS,
        timeout=_CONNECT_S,
        command_timeout=_STATEMENT_S,
        server_settings={"application_name": "clipferry-queue-reader", **_PLANS},
    )
    async with pool:
        yield pool


@asynccontextmanager
async def writing(connection: Connection, begin: str) -> AsyncIterator[Connection]:
    """Make the block one transaction, which it is not if it fails.

    Who is cancelled in it must not use the connection again.

    Args:
        connection: Not in a transaction.
        begin: BEGIN, and what goes with it in the same message.
    """
    await connection.execute(begin)
    try:
        yield connection
    except Exception:
        await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")
