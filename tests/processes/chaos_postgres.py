"""A PostgreSQL server that is stopped and started under the queue."""

import asyncio
import signal
from pathlib import Path

from tests.fakes.postgres import Server


class PostgresVictim:
    """A server of its own, on which a queue keeps its jobs.

    Args:
        directory: On tmpfs; its data is below it.
    """

    name = "postgres"

    def __init__(self, directory: Path) -> None:
        self._server = Server(directory / "postgres")
        self.database_url = self._server.create("chaos")
        """For DATABASE_URL."""

    async def kill(self) -> None:
        # At once: nothing is written any more, and what was committed is recovered from the log.
        await asyncio.to_thread(self._server.stop, signal.SIGQUIT)

    async def start(self) -> None:
        await asyncio.to_thread(self._server.start)

    async def until_up(self) -> None:
        pass  # its start has waited for that

    def close(self) -> None:
        """Stop it for good."""
        self._server.stop()
