"""Events that come to a server as lines of JSON over TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def feed(port: int, on_line: Callable[[bytes], None]) -> AsyncIterator[None]:
    """Listen on `port` of this machine for the length of the block, and call `on_line` with every line."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        while data := await reader.read(65_536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                on_line(line)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield
