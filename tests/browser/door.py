"""What may stand between a browser and a gateway: nothing, a proxy without WebSockets, or a broken line."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Door:
    """Passes connections on to a port of this machine, as far as it is told to.

    Args:
        target: Port of the gateway.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        """Where it listens on 127.0.0.1."""
        self.is_shut = False
        """Every connection is cut."""
        self._flows = asyncio.Event()
        self._flows.set()
        self.passes_sockets = True
        """Whether /ws gets through."""
        self.answers_to_lose = 0
        """So many requests that submit a job will arrive, and their answers will not."""
        self.asked: list[str] = []
        """First lines of requests, such as ``GET /health``."""

        self.keys: list[bytes] = []
        """Idempotency keys of what was asked."""
        self.unchanged_count = 0
        """Answers 304."""

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def shut(self) -> None:
        """Cut everything, now and from now on."""
        self.is_shut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def freeze(self) -> None:
        """Pass nothing on, either way, nor that a side has ended: as a stopped gateway or a frozen network."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass everything on again, what was held first."""
        self._flows.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either side ends it."""
        self._writers.add(writer)
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target)
        lines: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                ways = [
                    group.create_task(self._up(reader, upstream, lines)),
                    group.create_task(self._down(upstream_reader, writer, lines)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
        except* ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            upstream.transport.abort()
            writer.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, lines: list[str]) -> None:
        while data := await reader.read(65_536):
            line = data.partition(b"\r\n")[0]
            if line.endswith(b" HTTP/1.1"):
                lines.append(line.decode().rpartition(" ")[0])
                self.asked.append(lines[-1])
                self.keys += re.findall(rb"\r\nidempotency-key: ([^\r]+)", data, re.IGNORECASE)
            if self.is_shut or (line.startswith(b"GET /ws ") and not self.passes_sockets):
                return
            await self._flows.wait()
            upstream.write(data)
            await upstream.drain()
        await self._flows.wait()

    async def _down(
        self, upstream_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lines: list[str]
    ) -> None:
        while data := await upstream_reader.read(65_536):
            if self.answers_to_lose and lines[-1] == "POST /api/jobs":
                self.answers_to_lose -= 1
                return
            await self._flows.wait()
            self.unchanged_count += data.startswith(b"HTTP/1.1 304 ")
            writer.write(data)
            await writer.drain()
        await self._flows.wait()


@asynccontextmanager
async def door(target: int) -> AsyncIterator[Door]:
    """Run a door in front of a port for the length of the block."""
    here = Door(target)
    serving: set[asyncio.Task[None]] = set()

    def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(here.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)
        # Also of one that has not begun, or found nobody to pass anything on to.
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(on_client, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
