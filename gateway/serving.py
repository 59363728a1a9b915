"""uvicorn on the running loop, with our sockets and without its signal handlers."""

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from gateway.http_protocol import HttpTerms, http_protocol_with
from gateway.live.socket import protocol_with
from gateway.live.terms import MAX_MESSAGE_BYTES, WriteTerms
from services.chassis.lifecycle import StartError, background


class _Server(uvicorn.Server):
    """Says when it is up. Signals belong to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks a free one.

    Raises:
        StartError: If the address is taken or not ours.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}; set HOST or PORT.") from error
    # What it accepts inherits this. asyncio sets it only where a socket names its protocol, which these do not; an
    # answer in two writes would take 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, *, drain_s: float, http_terms: HttpTerms, write_terms: WriteTerms
) -> AsyncIterator[None]:
    """Serve `app` for the length of the block. Leaving refuses new connections; open ones get `drain_s` seconds."""
    config = uvicorn.Config(
        app,
        http=http_protocol_with(http_terms),
        ws=protocol_with(write_terms),
        # Ours say more, and whoever does not answer them is told why it is closed.
        ws_ping_interval=None,
        # A frame that all clients share cannot be compressed for one of them.
        ws_per_message_deflate=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        lifespan="off",
        # Whose headers are heeded is a setting of ours; uvicorn would heed those of anybody on this machine.
        proxy_headers=False,
        access_log=False,
        log_config=None,
        # Its INFO lines hold whole URLs.
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=math.ceil(drain_s),
    )
    server = _Server(config)
    async with background(server.serve([listener]), name="uvicorn") as running:
        await server.is_up.wait()
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.wait([running])
