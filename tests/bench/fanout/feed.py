"""Events that come to a server as lines of JSON over TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def feed(port: int, on_line: Callable[[bytes], None]) -> AsyncIterator[None]:
    """Listen on `port` of this machine for the length of the block, and call `on_line` with every line."""
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: _Lines(on_line), "127.0.0.1", port):
        yield


class _Lines(asyncio.Protocol):
    """Without a stream between: what it costs to hear of an event is not what is measured."""

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line)
