"""What one gateway has changed, the others hear of: a counter for each topic, looked at when the bell rings.

In PostgreSQL a change of a counter rings by itself (a trigger), with the commit that changed it. Who does not hear it
finds out at the next look, a few seconds later; so does whoever was cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.store.database import Database, Run
from services.chassis.errors import ClipferryError

logger = structlog.get_logger(__name__)

Heard = Callable[[int, int], Awaitable[None]]
"""Takes the version that was known, and the present one."""


async def mark(run: Run, topic: str) -> int:
    """Say, within a transaction, that something of `topic` changes; returns its new version.

    Versions of a topic are in the order of the commits.
    """
    ((version,),) = await run(
        "INSERT INTO marks (topic, version) VALUES ($1, 1)"
        " ON CONFLICT (topic) DO UPDATE SET version = marks.version + 1 RETURNING version",
        topic,
    )
    return int(version)


class Marks:
    """Hears of changes, those of this process included.

    Args:
        database: The store.
        poll_s: Most seconds until a change is heard of, bell or not.
    """

    def __init__(self, database: Database, *, poll_s: float) -> None:
        self._database = database
        self._poll_s = poll_s
        self._listeners: dict[str, tuple[int, Heard]] = {}
        self._looking = asyncio.Lock()

    async def listen(self, topic: str, heard: Heard) -> None:
        """Call `heard` at each change of `topic` from now on. Raises as a statement does."""
        rows = await self._database.run("SELECT version FROM marks WHERE topic = $1", topic)
        self._listeners[topic] = (rows[0][0] if rows else 0, heard)

    async def look(self) -> None:
        """Hear of all that is committed by now. Raises as a statement does."""
        async with self._looking:
            for topic, version in await self._database.run("SELECT topic, version FROM marks"):
                known, heard = self._listeners.get(topic, (version, None))
                if heard is not None and version != known:
                    await heard(known, version)
                    self._listeners[topic] = (version, heard)

    async def serve(self) -> None:
        """Look whenever the bell rings, and from time to time, until cancelled."""
        while True:
            await self._database.rung(self._poll_s)
            try:
                await self.look()
            except ClipferryError as error:
                logger.debug("Changes could not be looked for.", action="look_failed", reason=error.reason.name)
