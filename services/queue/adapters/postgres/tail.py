"""What this replica publishes: the log of all replicas, in order and without a gap."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from services.chassis.errors import ClipferryError
from services.chassis.outages import Outages
from services.chassis.postgres import Pool
from services.queue.adapters.postgres.rows import to_change
from services.queue.core.ports import Change

logger = structlog.get_logger(__name__)

_PAGE = 500
_LOOK_S = 0.5
_LOOK_WITHOUT_BELL_S = 0.1
_AGAIN_S = 1.0
"""When the log is looked at again after the database failed."""


class Tail:
    """Follows the log.

    Args:
        pool: Connections for reading.
        sql: Statements by name.
        outages: Told when the database is away.
        sequence: Of the newest event that counts as published.
        publish: Hears of everything after it, once.
    """

    def __init__(
        self,
        pool: Pool,
        sql: Mapping[str, str],
        outages: Outages,
        *,
        sequence: int,
        publish: Callable[[Sequence[Change]], None],
    ) -> None:
        self._pool = pool
        self._outages = outages
        self._sql = sql
        self._publish = publish
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()
        self.sequence = sequence

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    async def append(self, changes: Sequence[Change]) -> None:
        """Publish what this replica has just committed, after what others committed before it.

        When the database fails in between, that waits until it is back; it is in the log.
        """
        async with self._lock:
            try:
                while self.sequence < changes[0].event.sequence - 1:
                    await self._read_on()
            except ClipferryError:
                self.wake()
                return
            unseen = [change for change in changes if change.event.sequence > self.sequence]
            if unseen:
                self._spread(unseen)

    async def follow(self, *, hears_bell: Callable[[], bool]) -> None:
        """Publish what others commit, soon after they ring the bell and at least twice a second, until cancelled."""
        while True:
            try:
                async with self._lock:
                    while await self._read_on():
                        pass
            except ClipferryError:
                await asyncio.sleep(_AGAIN_S)
                continue
            try:
                async with asyncio.timeout(_LOOK_S if hears_bell() else _LOOK_WITHOUT_BELL_S):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def _read_on(self) -> bool:
        """Publish the next page; returns whether there may be another."""
        with self._outages.told():
            async with self._pool.acquire() as connection:
                rows = await connection.fetch(self._sql["changes_after"], self.sequence, _PAGE)
        if rows:
            self._spread([to_change(tuple(row)) for row in rows])
        return len(rows) == _PAGE

    def _spread(self, changes: Sequence[Change]) -> None:
        first = changes[0].event.sequence
        if first != self.sequence + 1:
            # Only after this replica was frozen for longer than the log reaches back.
            logger.error("Events were missed.", action="events_missed", after=self.sequence, first=first)
        self.sequence = changes[-1].event.sequence
        self._publish(changes)
