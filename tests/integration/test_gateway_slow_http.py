"""HTTP clients that take their time, or all the connections."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.gateway_client import GatewayClient, gateway_at_hand

DEADLINE_S = 5.0
HEAD_SOON: dict[str, Any] = {"http_head_timeout_s": 0.3}
BODY_SOON: dict[str, Any] = {"http_body_timeout_s": 0.3}


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
    ],
    ids=["nothing", "head", "blank", "after-one", "body"],
)
async def test_a_request_that_does_not_come_to_its_end_is_cut_off(
    tmp_path: Path, told: dict[str, Any], parts: tuple[bytes, ...], count: int
) -> None:
    """Whatever is missing, and also when blank lines keep it from looking idle. What was whole is answered."""
    async with gateway_at_hand(tmp_path, **told) as admin:
        answered = await said_by(admin.port, *parts)

    assert answered.count(b"HTTP/1.1 ") == count


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


async def _until_served(admin: GatewayClient) -> bytes:
    """Ask until the gateway has noticed that a connection has gone."""
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    while b" 503 " in (answered := await said_by(admin.port, request)):
        pass
    return answered
