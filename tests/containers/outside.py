"""``python -m tests.containers.outside``: the sample site and the Bot API stand-in, for the containers of a network.

Both listen on loopback only, as they should on a developer's machine; here a relay lets the network in.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

from sandbox.botapi.server import bot_api
from sandbox.site.server import sample_site
from services.chassis.lifecycle import main
from services.chassis.settings import Settings

SITE_PORT = 9082
BOT_API_PORT = 9081
TOKEN = "123456789:containers-token-of-nobody"
CHAT = "1000"
_BLOCK_BYTES = 1 << 16


@asynccontextmanager
async def outside(_settings: Settings) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(sample_site())
        api = await stack.enter_async_context(bot_api(token=TOKEN, chats=[CHAT]))
        for port, url in ((SITE_PORT, site.url), (BOT_API_PORT, api.url)):
            await stack.enter_async_context(_relay(port, int(url.rpartition(":")[2])))
        yield


@asynccontextmanager
async def _relay(port: int, to_port: int) -> AsyncIterator[None]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", to_port)
        with closing(writer), closing(their_writer):
            ways = {
                asyncio.create_task(_pass_on(reader, their_writer)),
                asyncio.create_task(_pass_on(their_reader, writer)),
            }
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()

    async with await asyncio.start_server(connected, "0.0.0.0", port):
        yield


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(_BLOCK_BYTES):
            writer.write(block)
            await writer.drain()
    except ConnectionError:
        pass  # the other side is told by the end of the connection


if __name__ == "__main__":
    main("outside", Settings, outside)
