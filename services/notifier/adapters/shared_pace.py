"""One pace for several notifiers of a bot, by a small table in their PostgreSQL database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg

from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import StartError
from services.chassis.outages import Outages
from services.chassis.postgres import FAILURES, FAULTS_OF_A_CALL, Pool, shown
from services.notifier.adapters.turns import MessageLimits

_CONNECTIONS = 4
_TIMEOUT_S = 2.0
"""Of each statement: a database that does not answer holds a message up no longer."""
_LOCK = 0x666C6F6F
"""Number of the advisory lock under which the table is made."""

_CLAIM = "SELECT notifier.claim($1, $2, $3, $4)"
_HOLD = """
INSERT INTO notifier.lines VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (name) DO UPDATE SET free_at = greatest(lines.free_at, excluded.free_at)
"""


@asynccontextmanager
async def open_shared_pace(url: str, *, bot_id: str, limits: MessageLimits) -> AsyncIterator["SharedPace"]:
    """Keep a pace with the other notifiers of a bot for the length of the block, making its table if needed.

    Args:
        url: ``postgresql://user:password@host:port/name``.
        bot_id: Telegram's limits are those of one bot.

    Raises:
        StartError: If the database cannot be used.
    """
    async with AsyncExitStack() as stack:
        try:
            pool = await stack.enter_async_context(_pool(url))
            await _make_table(pool)
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
        server_settings={"application_name": "clipferry-notifier"},
    )


async def _make_table(pool: Pool) -> None:
    schema = Path(__file__).with_name("pace.sql").read_text()
    async with pool.acquire() as connection, connection.transaction():
        # "If not exists" is no promise to two that look at the same time.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(schema)


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
