"""HTTP clients that take their time, or all the connections."""

import asyncio
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from gateway.http_protocol import HttpTerms
from gateway.live.terms import WriteTerms
from gateway.serving import listen, serving
from tests.fakes.gateway_client import GatewayClient, gateway_at_hand

DEADLINE_S = 20.0
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HEAD_SOON: dict[str, Any] = {"http_head_timeout_s": 0.3}
BODY_SOON: dict[str, Any] = {"http_body_timeout_s": 0.3}
BODY_LATER: dict[str, Any] = {"http_body_timeout_s": 2}
"""Time enough to answer first."""


async def said_by(port: int, *parts: bytes) -> bytes:
    """Return all that the gateway answers to parts that come one by one, once it has closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)  # is to arrive by itself
        async with asyncio.timeout(DEADLINE_S):
            return await reader.read()
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("told", "parts", "count"),
    [
        (HEAD_SOON, (), 0),
        (HEAD_SOON, (b"GET /livez HTTP/1.1\r\n", b"Host: x\r\n"), 0),
        (HEAD_SOON, (b"\r\n", b"\r\n"), 0),
        (HEAD_SOON, (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"), 1),
        (BODY_SOON, (b"POST /api/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", b"{"), 0),
        (BODY_LATER, (b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",), 1),
    ],
    ids=["nothing", "head", "blank", "after-one", "body", "body-after-its-answer"],
)
async def test_a_request_that_does_not_come_to_its_end_is_cut_off(
    tmp_path: Path, told: dict[str, Any], parts: tuple[bytes, ...], count: int
) -> None:
    """Whatever is missing, and also when blank lines keep it from looking idle. What was whole is answered."""
    async with gateway_at_hand(tmp_path, **told) as admin:
        answered = await said_by(admin.port, *parts)

    assert answered.count(b"HTTP/1.1 ") == count


@pytest.mark.parametrize("begun", [b"", b"GET /livez HTTP/1.1\r\n"], ids=["connected", "asking"])
async def test_who_is_about_to_ask_when_the_gateway_stops_is_answered(tmp_path: Path, begun: bytes) -> None:
    """A balancer has sent him here a moment ago. He is told that there will be no second request."""
    async with asyncio.timeout(DEADLINE_S):
        async with gateway_at_hand(tmp_path) as admin:
            reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
            writer.write(begun)
            assert (await admin.request("GET", "/livez")).is_success  # so it knows of the other one as well
            asking = asyncio.create_task(asked_late(reader, writer, admin.port, begun))
        answer = await asking

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"connection: close" in answer.lower()


async def asked_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, begun: bytes) -> bytes:
    """Ask once the gateway takes no more connections; return all that it answers."""
    with suppress(ConnectionError):  # refused, or reset if it was accepted by the kernel just before
        while True:
            _, another = await asyncio.open_connection("127.0.0.1", port)
            await hung_up(another)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".removeprefix(begun))
    answer = await reader.read()
    await hung_up(writer)
    return answer


async def hung_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_a_connection_that_asks_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE_S):
        async with gateway_at_hand(tmp_path, drain_s=2 * DEADLINE_S) as admin:
            reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
            assert (await admin.request("GET", "/livez")).is_success
        assert await reader.read() == b""
        await hung_up(writer)


async def test_whoever_is_answered_slowly_or_live_is_not_cut_off(tmp_path: Path) -> None:
    """The clock runs only while a client has the word."""
    async with (
        gateway_at_hand(tmp_path, **HEAD_SOON, **BODY_SOON, websocket_ping_interval=200) as admin,
        admin.socket() as socket,
    ):
        for _ in range(4):
            await socket.hear("ping")
        assert (await admin.http.get("/livez")).status_code == 204


async def test_an_address_has_so_many_connections(tmp_path: Path) -> None:
    """One more is told to come back, and may once another has gone; live ones are counted elsewhere."""
    async with gateway_at_hand(tmp_path, http_connections_per_address=3) as admin, admin.socket():
        writers = [(await asyncio.open_connection("127.0.0.1", admin.port))[1] for _ in range(2)]
        refused = await said_by(admin.port)
        writers[0].transport.abort()
        again = await _until_served(admin)
        writers[1].transport.abort()

    head = refused.lower()
    assert head.startswith(b"http/1.1 503 ")
    assert b"retry-after: 5\r\n" in head
    assert b"there may be 3 connections from one address" in head
    assert b" 204 " in again


async def test_a_handshake_that_is_not_answered_has_the_time_of_a_head_and_is_counted() -> None:
    """Whoever is on the way from one protocol to the other is in neither's limits unless somebody sees to it."""
    asked, terms = asyncio.Event(), HttpTerms(head_timeout_s=3, connections_per_address=1)

    async def silent(_scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.set()
        await asyncio.Event().wait()

    with closing(listen("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with serving(silent, listener, drain_s=0, http_terms=terms, write_terms=WriteTerms()):
            asking = asyncio.ensure_future(said_by(port, HANDSHAKE))
            await asked.wait()
            one_more = await said_by(port)
            never_answered = await asking
            after = asyncio.ensure_future(said_by(port, HANDSHAKE))
            asked.clear()
            await asyncio.wait_for(asked.wait(), DEADLINE_S)
            await after

    assert b" 503 " in one_more
    assert never_answered == b""


async def _until_served(admin: GatewayClient) -> bytes:
    """Ask until the gateway has noticed that a connection has gone."""
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    while b" 503 " in (answered := await said_by(admin.port, request)):
        pass
    return answered
