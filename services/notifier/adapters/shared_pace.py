"""One pace for several notifiers of a bot, by a small table in their PostgreSQL database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import StartError
from services.chassis.migrations import Schema
from services.chassis.outages import Outages
from services.chassis.postgres import FAILURES, FAULTS_OF_A_CALL, Connection, Pool, shown
from services.chassis.postgres_migration import migrate_postgres
from services.notifier.adapters.turns import MessageLimits

_CONNECTIONS = 4
_TIMEOUT_S = 2.0
"""Of each statement: a database that does not answer holds a message up no longer."""
_SCHEMA = Schema(owner="notifier", version=1, migrations=Path(__file__).parent / "migrations")
_LOCK = 0x666C6F6F
"""Number of the advisory lock under which the schema is changed."""
_SERVER_SETTINGS = {"application_name": "clipferry-notifier"}

_CLAIM = "SELECT notifier.claim($1, $2, $3, $4)"
_HOLD = """
INSERT INTO notifier.lines VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (name) DO UPDATE SET free_at = greatest(lines.free_at, excluded.free_at)
"""
_FORGET = "DELETE FROM notifier.lines WHERE free_at < now() - interval '1 day'"
"""Chats that were idle for a day are no news."""


@asynccontextmanager
async def open_shared_pace(url: str, *, bot_id: str, limits: MessageLimits) -> AsyncIterator["SharedPace"]:
    """Keep a pace with the other notifiers of a bot for the length of the block; its schema is brought up to date.

    Args:
        url: ``postgresql://user:password@host:port/name``.
        bot_id: Telegram's limits are those of one bot.

    Raises:
        StartError: If the database cannot be used, or a newer clipferry wrote its schema.
    """
    await migrate_postgres(url, _SCHEMA, connect=_connect, version_of=_version, lock=_LOCK)
    async with AsyncExitStack() as stack:
        try:
            pool = await stack.enter_async_context(_pool(url))
            await pool.execute(_FORGET)
        except (ValueError, *FAILURES) as error:
            raise StartError(
                f"the database at {shown(url)} cannot be used: {error or type(error).__name__}."
            ) from error
        yield SharedPace(pool, Outages(shown(url), failures=FAILURES, faults=FAULTS_OF_A_CALL), bot_id, limits)


def _pool(url: str) -> Pool:
    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=_CONNECTIONS,
        timeout=_TIMEOUT_S,
        command_timeout=_TIMEOUT_S,
        server_settings=_SERVER_SETTINGS,
    )


async def _connect(url: str) -> Connection:
    return await asyncpg.connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S, server_settings=_SERVER_SETTINGS)


async def _version(connection: Connection) -> int:
    if await connection.fetchval("SELECT to_regclass('notifier.meta')") is None:
        return 0
    return int(await connection.fetchval("SELECT schema_version FROM notifier.meta"))


class SharedPace:
    """A `Pace`. Without its database each notifier goes on at its own pace; Telegram's refusals are obeyed as ever."""

    def __init__(self, pool: Pool, outages: Outages, bot_id: str, limits: MessageLimits) -> None:
        self._pool = pool
        self._outages = outages
        self._bot_id = bot_id
        self._limits = limits

    async def claim(self, chat: str) -> float:
        distances_s = self._limits.chat_s(chat), self._limits.all_s
        return await self._ask(_CLAIM, self._line(chat), distances_s[0], self._bot_id, distances_s[1]) or 0.0

    async def hold(self, chat: str, for_s: float) -> None:
        await self._ask(_HOLD, self._line(chat), for_s)

    def _line(self, chat: str) -> str:
        return f"{self._bot_id} {chat}"

    async def _ask(self, statement: str, *values: str | float) -> float | None:
        try:
            with self._outages.told():
                found: float | None = await self._pool.fetchval(statement, *values, timeout=_TIMEOUT_S)
                return found
        except ClipferryError:
            return None
