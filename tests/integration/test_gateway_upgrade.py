"""What asks to become a WebSocket: it is let in, or answered and closed; nothing stays open without end."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.gateway_client import GatewayClient, gateway_at_hand

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_S = 20.0
"""Less than the gateway is patient with a head that does not come to its end."""
GOOD: Mapping[str, str] = {
    "Host": "x",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayClient]:
    folder = tmp_path_factory.mktemp("gateway")
    async with gateway_at_hand(folder, http_head_timeout_s=60, http_body_timeout_s=60) as client:
        yield client


def asking(first: str = "GET /ws HTTP/1.1", body: str = "", **changed: str | None) -> bytes:
    """Return a handshake with some headers changed, added or, if None, left out."""
    fields = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([first, *lines, "", body]).encode("latin-1")


async def answer_to(port: int, *parts: bytes) -> tuple[str, str]:
    """Return the head and the body of the answer. What is not let in is closed after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(DEADLINE_S):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = "" if " 101 " in head else (await reader.read()).decode()
    finally:
        writer.transport.abort()
    return head, body


@pytest.mark.parametrize("path", ["/ws", "http://x/ws", "/ws?x=1"])
@pytest.mark.parametrize("size_bytes", [9_000, 60_000])
async def test_a_large_head_is_as_good_as_with_any_request(admin: GatewayClient, path: str, size_bytes: int) -> None:
    """A browser sends all the cookies that other services of the same host have set."""
    head, _ = await answer_to(admin.port, asking(f"GET {path} HTTP/1.1", Cookie="a" * size_bytes))

    assert head.startswith("HTTP/1.1 101 ")


async def test_many_fields_are_as_good_as_with_any_request(admin: GatewayClient) -> None:
    head, _ = await answer_to(admin.port, asking(**{f"X-{number}": "y" for number in range(300)}))

    assert head.startswith("HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (asking(Cookie="a" * 70_000), 431, "HEAD_TOO_LARGE"),
        (asking("GET /health HTTP/1.1", Cookie="a" * 9_000), 404, "ROUTE_NOT_FOUND"),
        (asking(Sec_WebSocket_Key="short"), 400, "REQUEST_UNREADABLE"),
        (asking(Sec_WebSocket_Key=None), 400, "REQUEST_UNREADABLE"),
        (asking(Sec_WebSocket_Version="12"), 400, "REQUEST_UNREADABLE"),
        (asking(Sec_WebSocket_Version=None), 400, "REQUEST_UNREADABLE"),
        (asking(Sec_WebSocket_Protocol="a b;"), 400, "REQUEST_UNREADABLE"),
        (asking(Origin="https://evil.test"), 403, "PERMISSION_DENIED"),
        (asking("GET /ws HTTP/1.0"), 400, "REQUEST_UNREADABLE"),
        (asking("GET /ws\xff HTTP/1.1"), 400, "REQUEST_UNREADABLE"),
        (asking("POST /ws HTTP/1.1"), 405, "METHOD_NOT_ALLOWED"),
        (asking(Content_Length="5", body="hello"), 400, "REQUEST_UNREADABLE"),
        (asking(Transfer_Encoding="chunked", body="0\r\n\r\n"), 400, "REQUEST_UNREADABLE"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + asking(), 400, "REQUEST_UNREADABLE"),
    ],
    ids=[
        *("head", "elsewhere", "key", "no-key", "version", "no-version", "protocol", "origin"),
        *("http-1.0", "address", "method", "body", "chunked", "pipelined"),
    ],
)
async def test_what_is_no_handshake_is_answered_and_closed(
    admin: GatewayClient, sent: bytes, status: int, code: str
) -> None:
    head, body = await answer_to(admin.port, sent)

    assert head.startswith(f"HTTP/1.1 {status} ")
    said: dict[str, Any] = json.loads(body)
    assert (said["status"], said["code"]) == (status, code)
    assert f"x-request-id: {said['requestId']}" in head.lower()


@pytest.mark.parametrize("length", [10, 60, 120, 150])
async def test_a_handshake_in_pieces_is_whole(admin: GatewayClient, length: int) -> None:
    whole = asking()
    head, _ = await answer_to(admin.port, whole[:length], whole[length:])

    assert head.startswith("HTTP/1.1 101 ")


async def test_another_protocol_is_not_spoken_and_the_request_is_answered(admin: GatewayClient) -> None:
    """RFC 9110, section 7.8: an Upgrade may be left alone."""
    sent = asking("GET /livez HTTP/1.1", Upgrade="h2c", Connection="Upgrade, close")

    head, _ = await answer_to(admin.port, sent)

    assert head.startswith("HTTP/1.1 204 ")
