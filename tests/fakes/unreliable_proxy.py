"""A TCP proxy that can lose everything on the way, or cut connections that are idle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_LOOKS_COUNT = 8
"""Looks in the time in which nothing moves: a connection is cut an eighth of it late at most."""


class UnreliableProxy:
    """Passes bytes on between clients and a server on this machine.

    Args:
        port: Of the server.
        idle_s: Cut a connection on which nothing has gone either way for this long; None: never.
    """

    def __init__(self, port: int, idle_s: float | None) -> None:
        self._target = port
        self._idle_s = idle_s
        self._open = asyncio.Event()
        self._open.set()
        self.port = 0
        """Where it listens on 127.0.0.1."""
        self.cut_count = 0
        """Connections that were cut because they were idle."""
        self.connection_count = 0
        """Connections that clients have opened."""
        self.sent_count = 0
        """Pieces that have come from clients: on a quiet connection, one for each ping."""

    def lose(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self._open.clear()

    def mend(self) -> None:
        """Let what comes from now on arrive."""
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either side, or idleness, ends it."""
        self.connection_count += 1
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
        moved = asyncio.Event()
        ways = [
            asyncio.ensure_future(self._pass(reader, upstream_writer, moved, from_client=True)),
            asyncio.ensure_future(self._pass(upstream_reader, writer, moved)),
            asyncio.ensure_future(self._watch(moved)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Before anything is waited for: that may be cancelled.
            for each in (writer, upstream_writer):
                each.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        moved: asyncio.Event,
        *,
        from_client: bool = False,
    ) -> None:
        while data := await reader.read(65_536):
            moved.set()
            self.sent_count += from_client
            if self._open.is_set():
                writer.write(data)
                await writer.drain()

    async def _watch(self, moved: asyncio.Event) -> None:
        if self._idle_s is None:
            await asyncio.Event().wait()
            return
        # By looks, not by a timer: however long this process stands still meanwhile, that is one look.
        quiet_count = 0
        while quiet_count < _LOOKS_COUNT:
            await asyncio.sleep(self._idle_s / _LOOKS_COUNT)
            quiet_count = 0 if moved.is_set() else quiet_count + 1
            moved.clear()
        self.cut_count += 1


@asynccontextmanager
async def unreliable_proxy(port: int, *, idle_s: float | None = None) -> AsyncIterator[UnreliableProxy]:
    """Run a proxy in front of `port` for the length of the block."""
    proxy = UnreliableProxy(port, idle_s)
    serving: set[asyncio.Task[None]] = set()

    def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(proxy.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)
        # Also of one that has not begun, or found nobody to pass anything on to.
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(on_client, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
