"""A WebSocket client that reads only when it is told to, and says any bytes it is told to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

_RECEIVE_BUFFER_BYTES = 4_096
_DEADLINE_S = 20.0


class RawSocket:
    """What goes over one connection, frame by frame."""

    def __init__(self, client: socket.socket, protocol: ClientProtocol) -> None:
        self._client = client
        self._protocol = protocol
        self.texts: list[str] = []
        """Whole messages that were read."""
        self.pong_count = 0
        self._parts: list[bytes] = []

    @property
    def close_code(self) -> int | None:
        """The code that the server has closed with, if it was read."""
        received = self._protocol.close_rcvd
        return None if received is None else received.code

    async def say(self, *texts: str) -> None:
        """Send text messages."""
        for text in texts:
            self._protocol.send_text(text.encode())
        await self._flush()

    async def ping(self, count: int = 1) -> None:
        """Send ping frames."""
        for _ in range(count):
            self._protocol.send_ping(b"")
        await self._flush()

    async def say_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        await asyncio.get_running_loop().sock_sendall(self._client, data)

    async def read(self, size_bytes: int = 65_536) -> bool:
        """Read at most `size_bytes`; returns False at the end of the connection."""
        async with asyncio.timeout(_DEADLINE_S):
            try:
                data = await asyncio.get_running_loop().sock_recv(self._client, size_bytes)
            except ConnectionError:
                return False
        if not data:
            return False
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        await self._flush()
        return True

    async def read_to_end(self) -> None:
        """Read until the server ends the connection."""
        while await self.read():
            pass

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self.texts.append(b"".join(self._parts).decode())
                self._parts = []
        self.pong_count += frame.opcode is Opcode.PONG

    async def _flush(self) -> None:
        try:
            await self.say_bytes(b"".join(self._protocol.data_to_send()))
        except ConnectionError:
            return  # What was said last may still be read.


@asynccontextmanager
async def raw_socket(port: int) -> AsyncIterator[RawSocket]:
    """Open a WebSocket for the length of the block; its kernel holds as little as a kernel can."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
        protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/ws"))
        protocol.send_request(protocol.connect())
        raw = RawSocket(client, protocol)
        await raw._flush()
        while protocol.state.name == "CONNECTING":
            assert await raw.read(), "the handshake failed"
        yield raw
