"""The bell between replicas: NOTIFY says that there is something to read, and nothing else.

It is rung past the transactions of jobs, at most once in 20 ms: commits that notify come one by one over the whole
database cluster. A replica that does not hear it (a pooler between, a half-open socket) finds out by itself, and looks
more often instead.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from services.chassis.postgres import FAILURES, Connection

logger = structlog.get_logger(__name__)

_CHANNEL = "clipferry_queue"
_PROBE_S = 2.0
_CHECK_S = 15.0
_PAUSE_S = 0.02
_CONNECT_AGAIN_S = 1.0


class Bell:
    """One replica's bell.

    Args:
        connect: Opens a connection, which is kept for listening.
        replica_id: Unique among the replicas.
        heard: Called when another replica has rung.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], replica_id: str, heard: Callable[[], None]
    ) -> None:
        self._connect = connect
        self._replica_id = replica_id
        self._heard = heard
        self._rung = asyncio.Event()
        self._probed = asyncio.Event()
        self.works: bool | None = None
        """Whether this replica hears the bell; None before it is known."""

    def ring(self) -> None:
        """Tell the other replicas, soon, that there is something to read."""
        self._rung.set()

    async def serve(self) -> None:
        """Listen, and ring when asked to, until cancelled."""
        while True:
            with suppress(*FAILURES):
                async with self._listening() as connection:
                    await self._serve_on(connection)
            self._found(works=False)
            await asyncio.sleep(_CONNECT_AGAIN_S)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[Connection]:
        connection = await self._connect()
        try:
            await connection.add_listener(_CHANNEL, self._on_notify)
            yield connection
        finally:
            connection.terminate()

    async def _serve_on(self, connection: Connection) -> None:
        while True:
            await self._probe(connection)
            try:
                async with asyncio.timeout(_CHECK_S):
                    while True:
                        await self._rung.wait()
                        self._rung.clear()
                        await self._notify(connection, self._replica_id)
                        await asyncio.sleep(_PAUSE_S)
            except TimeoutError:
                continue  # time to see whether it still works

    async def _probe(self, connection: Connection) -> None:
        self._probed.clear()
        await self._notify(connection, f"probe {self._replica_id}")
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._probed.wait()
        except TimeoutError:
            self._found(works=False)
        else:
            self._found(works=True)

    async def _notify(self, connection: Connection, payload: str) -> None:
        await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, payload)

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == f"probe {self._replica_id}":
            self._probed.set()
        elif payload != self._replica_id and not str(payload).startswith("probe "):
            self._heard()

    def _found(self, *, works: bool) -> None:
        if works != self.works:
            self.works = works
            if works:
                logger.info("The database's notifications are heard.", action="bell_works")
            else:
                logger.warning("The database's notifications are not heard; it is asked instead.", action="bell_deaf")
