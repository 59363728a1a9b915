"""A connection to PostgreSQL that hears no notification."""

from services.chassis.postgres import Connection


class DeafConnection:
    """A connection behind a pooler: LISTEN is accepted, and nothing is ever heard.

    Args:
        connection: The real one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_listener(self, channel: str, callback: object) -> None:
        """Hear nothing."""

    async def execute(self, query: str, *args: object) -> str:
        """As the real one."""
        return await self._connection.execute(query, *args)

    def terminate(self) -> None:
        """As the real one."""
        self._connection.terminate()
