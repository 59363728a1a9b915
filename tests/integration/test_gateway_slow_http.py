"""HTTP clients that take their time, or all the connections."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.gateway_client import GatewayClient, gateway_at_hand

DEADLINE_S = 5.0
SOON: dict[str, Any] = {"http_head_timeout_s": 0.3, "http_body_timeout_s": 0.3}


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
    "parts",
    [
        (),
        (b"GET /livez HTTP/1.1\r\n", b"Host: x\r\n"),
        (b"\r\n", b"\r\n"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"),
        (b"POST /api/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", b"{"),
    ],
    ids=["nothing", "head", "blank", "after-one", "body"],
)
async def test_a_request_that_does_not_come_to_its_end_is_cut_off(tmp_path: Path, parts: tuple[bytes, ...]) -> None:
    """Whatever is missing, and also when blank lines keep it from looking idle."""
    async with gateway_at_hand(tmp_path, **SOON) as admin:
        answered = await said_by(admin.port, *parts)

    assert answered.count(b"HTTP/1.1 ") == (b"GET /livez" in parts[0] and b"\r\n\r\n" in parts[0] if parts else 0)


async def test_whoever_is_answered_slowly_or_live_is_not_cut_off(tmp_path: Path) -> None:
    """The clock runs only while a client has the word."""
    async with gateway_at_hand(tmp_path, **SOON, websocket_ping_interval=200) as admin, admin.socket() as socket:
        for _ in range(4):
            await socket.hear("ping")
        assert (await admin.http.get("/livez")).status_code == 204


async def test_an_address_has_so_many_connections(tmp_path: Path) -> None:
    """One more is told to come back, and may once another has gone; live ones are counted elsewhere."""
    async with gateway_at_hand(tmp_path, http_connections_per_address=3) as admin, admin.socket():
        held = [await asyncio.open_connection("127.0.0.1", admin.port) for _ in range(2)]
        refused = await said_by(admin.port)
        held.pop()[1].transport.abort()
        again = await _until_served(admin)
        held.pop()[1].transport.abort()

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
