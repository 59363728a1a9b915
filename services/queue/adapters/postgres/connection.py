"""Connections to the database, and how its failures are told."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg
import structlog

from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_CONNECT_S = 3.0
_STATEMENT_S = 5.0
ACQUIRE_S = 3.0
"""How long a read waits for a connection. All together stay under the time that callers give it."""
_READERS = 4
_PLANS = {"enable_seqscan": "off", "enable_bitmapscan": "off", "plan_cache_mode": "force_generic_plan"}
"""Every statement has its index. Without this a table that has just grown, or has just been emptied, is read from end
to end until the database has counted its rows again; and only plain index scans leave out what is dead from then on."""

FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What can come of a database that goes away; the last when it goes in mid-statement."""

_FAULTS_OF_A_CALL = (asyncpg.IntegrityConstraintViolationError, asyncpg.exceptions.DataError, asyncpg.DataError)
"""What the database says of a call, not of itself."""


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


class Outages:
    """Whether the database is there, as one replica sees it. Its log tells of each outage once, and of its end.

    Args:
        place: The database, as it may be shown.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._is_away = False

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn failures of the database into STORE_UNAVAILABLE; what is wrong with a call passes as it is.

        Raises:
            ClipferryError: STORE_UNAVAILABLE.
        """
        try:
            yield
        except _FAULTS_OF_A_CALL:
            raise
        except FAILURES as error:
            self._note(error)
            raise ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=1.0) from error
        if self._is_away:
            self._is_away = False
            logger.info("The database is back.", action="store_back", database=self._place)

    def _note(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            cause = f"{type(error).__name__}: {error}"[:200]
            logger.error("The database is away.", action="store_away", database=self._place, cause=cause)
