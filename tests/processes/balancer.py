"""One address in front of several gateways, as a service of a cluster is: by connections, to those in rotation."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager


class Balancer:
    """Connects each client to the next gateway.

    Args:
        targets: ``host:port`` of each.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        self._rotation = list(targets)
        self._connections: set[asyncio.Task[None]] = set()

    @contextmanager
    def without(self, target: str) -> Iterator[None]:
        """Send nobody new to `target` for the length of the block, as an orchestrator does before it stops one."""
        self._rotation.remove(target)
        try:
            yield
        finally:
            self._rotation.append(target)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        target = self._rotation.pop(0)
        self._rotation.append(target)
        host, _, port = target.rpartition(":")
        try:
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pass(reader, to_writer), _pass(to_reader, writer))
        except OSError:
            writer.transport.abort()
        finally:
            writer.close()
            self._connections.discard(task)

    async def close(self) -> None:
        """End every connection."""
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the other side has gone, and is told by the end of this one
    finally:
        writer.close()


@asynccontextmanager
async def balancer(targets: Sequence[str]) -> AsyncIterator[tuple[Balancer, str]]:
    """Stand in front of `targets` for the length of the block; yields the balancer and its ``host:port``."""
    balancer = Balancer(targets)
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", 0)
    async with server:
        yield balancer, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await balancer.close()
