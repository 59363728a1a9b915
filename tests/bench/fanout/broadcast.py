"""``python -m tests.bench.fanout.broadcast PORT FEED_PORT``: every line to all clients, by websockets' broadcast()."""

import asyncio
import json
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from tests.bench.fanout.feed import feed


async def main(port: int, feed_port: int) -> None:
    """Serve until ended."""
    clients: set[ServerConnection] = set()

    async def stay(client: ServerConnection) -> None:
        clients.add(client)
        try:
            await client.wait_closed()
        finally:
            clients.discard(client)

    def tell(line: bytes) -> None:
        broadcast(clients, json.dumps(json.loads(line)))

    async with (
        serve(stay, "127.0.0.1", port, compression=None, ping_interval=None),
        feed(feed_port, tell),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
