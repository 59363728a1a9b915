"""What is between a site and whoever asked: every byte arrives, in order, and how a connection ends is seen."""

import asyncio
import base64
import hashlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.processor.adapters.egress import Egress, open_egress
from services.processor.adapters.passes import Pass
from tests.fakes.eventually import eventually

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

WAIT_S = 30
BODY = random.Random(1).randbytes(24_000_000)  # more than all buffers on the way hold together


@asynccontextmanager
async def a_site(handler: Handler) -> AsyncIterator[tuple[Egress, int]]:
    """Serve `handler` where the egress may go; yields the egress and the port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_egress(frozenset({("127.0.0.1", port)})) as egress:
        yield egress, port


async def tunnel(egress: Egress, opened: Pass, port: int, *, limit: int = 65_536) -> Streams:
    """Return a connection to the site through the proxy."""
    parts = urlsplit(opened.proxy_url)
    shown = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", egress.port, limit=limit)
    writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Basic {shown}\r\n\r\n".encode())
    async with asyncio.timeout(WAIT_S):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    return reader, writer


async def send_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send `BODY` and hang up."""
    writer.write(BODY)
    await writer.drain()
    writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, after a moment in which nothing is read."""
    await asyncio.sleep(0.1)
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.mark.parametrize("pause_s", [0, 0.002])
async def test_every_byte_arrives_also_at_a_reader_that_pauses(pause_s: float) -> None:
    async with a_site(send_body) as (egress, port):
        with egress.open_pass() as opened:
            reader, writer = await tunnel(egress, opened, port)
            digest = hashlib.sha256()
            async with asyncio.timeout(WAIT_S):
                while data := await reader.read(262_144):
                    digest.update(data)
                    await asyncio.sleep(pause_s)
            writer.close()
            assert digest.digest() == hashlib.sha256(BODY).digest()
            assert opened.received_bytes == len(BODY)


async def test_what_is_sent_to_a_site_that_does_not_read_yet_arrives_whole() -> None:
    async with a_site(echo) as (egress, port):
        with egress.open_pass() as opened:
            reader, writer = await tunnel(egress, opened, port)

            async def send() -> None:
                writer.write(BODY)
                await writer.drain()

            async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
                group.create_task(send())
                assert await reader.readexactly(len(BODY)) == BODY
            writer.close()


async def test_a_client_that_breaks_off_in_the_midst_ends_it_all_quietly() -> None:
    """Whatever is under way just then."""
    faults: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(str(context)))
    ended = 0
    told = asyncio.Event()

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        with suppress(OSError):
            while True:
                writer.write(BODY[:1_000_000])
                await writer.drain()
        ended += 1
        told.set()

    async with a_site(endless) as (egress, port):
        with egress.open_pass() as opened:
            for count in range(1, 31):
                reader, writer = await tunnel(egress, opened, port)
                assert await reader.readexactly(count * 10_000)
                writer.transport.abort()
            async with asyncio.timeout(WAIT_S):
                while ended < 30:
                    await told.wait()
                    told.clear()
            assert opened.relays == set()
    assert faults == []


async def test_a_reset_does_not_look_like_an_end() -> None:
    """A body that has no length would count as whole."""

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"half of it")
        await writer.drain()
        await got_half.wait()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    got_half = asyncio.Event()
    async with a_site(reset) as (egress, port):
        with egress.open_pass() as opened:
            reader, writer = await tunnel(egress, opened, port)
            async with asyncio.timeout(WAIT_S):
                assert await reader.readexactly(10) == b"half of it"
                got_half.set()
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            writer.close()


async def test_connections_of_a_job_share_what_it_may_have() -> None:
    """To the byte, also where both find something to read at once; none of them takes the wait for an end."""
    async with a_site(send_body) as (egress, port):
        with egress.open_pass() as opened:
            opened.allow(0)
            streams = [await tunnel(egress, opened, port) for _ in range(4)]

            async def all_of(reader: asyncio.StreamReader) -> bytes:
                return await reader.read(-1)

            reads = [asyncio.create_task(all_of(reader)) for reader, _ in streams]
            for more_bytes in (1, 100_000, 1_000_000):
                before = opened.received_bytes
                opened.allow(more_bytes)
                await eventually(lambda: _is_full(opened), within_s=WAIT_S, what="the job has what it may have")
                assert opened.received_bytes == before + more_bytes
            opened.allow(None)
            async with asyncio.timeout(WAIT_S):
                assert [await read == BODY for read in reads] == [True] * 4
            for _, writer in streams:
                writer.close()


async def _is_full(opened: Pass) -> bool:
    return opened.is_full


@pytest.mark.parametrize("ends", ["client", "pass", "site"])
async def test_nothing_stays_open(ends: str) -> None:
    """Whoever hangs up: the other side is told, and no descriptor is left."""
    is_over = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")
        if ends != "site":
            with suppress(ConnectionResetError):
                await reader.read()
        is_over.set()
        writer.close()

    async with a_site(wait) as (egress, port):
        with egress.open_pass() as opened:
            before = _open_fd_count()
            reader, writer = await tunnel(egress, opened, port)
            async with asyncio.timeout(WAIT_S):
                assert await reader.readexactly(1) == b"x"
                if ends == "pass":
                    opened.close()
                if ends == "client":
                    writer.close()
                await is_over.wait()
                if ends == "site":
                    assert await reader.read() == b""
            writer.close()
            await eventually(lambda: _count_is(before), within_s=WAIT_S, what="all is closed")
            assert not opened.relays


async def _count_is(count: int) -> bool:
    return _open_fd_count() <= count


def _open_fd_count() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
