"""What a client has said and the application has not heard yet."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
"""As ASGI has it."""


class Inbox:
    """In the place of the `asyncio.Queue` that uvicorn makes: for one reader, without a limit, and 3 KB smaller.

    Reading stops while something waits, so there is seldom more than one message.
    """

    __slots__ = ("_arrived", "_messages")

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._arrived: asyncio.Future[None] | None = None
        """What the reader waits for; None: nobody does."""

    def put_nowait(self, message: Message) -> None:
        """Add a message."""
        self._messages.append(message)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def empty(self) -> bool:
        """Return whether nothing waits."""
        return not self._messages

    async def get(self) -> Message:
        """Return the oldest message, once there is one."""
        while not self._messages:
            self._arrived = asyncio.get_running_loop().create_future()
            try:
                await self._arrived
            finally:
                self._arrived = None
        return self._messages.pop(0)
