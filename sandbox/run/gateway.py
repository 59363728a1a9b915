"""The gateway as ``make run`` uses it: like any other client, over REST and WebSocket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_TIMEOUT_S = 15.0
SUBPROTOCOL = Subprotocol("clipferry.v1")


class GatewayError(Exception):
    """The gateway refused. The message is its own sentence."""


class Gateway:
    """A signed-in client.

    Args:
        url: Without a slash at the end.
        token: Access token.
        api_key: What it signed in with.
    """

    def __init__(self, url: str, http: httpx.AsyncClient, token: str, api_key: str) -> None:
        self.url = url
        self.token = token
        self.api_key = api_key
        self._http = http

    async def pairing_code(self) -> str:
        """Return a code that signs one browser in, once."""
        return str((await _call(self._http, "POST", "/api/auth/pair", json={}))["pairingCode"])

    async def submit(self, page_url: str, *, destination: str = "") -> dict[str, Any]:
        """Submit a page for a chat, or for the operator's, and return its job."""
        chat = {"destination": destination} if destination else {}
        return await _call(self._http, "POST", "/api/jobs", json={"url": page_url} | chat)

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON at `path`."""
        return await _call(self._http, "GET", path)

    async def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel a job and return it."""
        return await _call(self._http, "DELETE", f"/api/jobs/{job_id}")

    @asynccontextmanager
    async def watch(self, channel: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Watch a channel for the length of the block; yields its messages, the answer with its snapshot first."""
        async with self.socket() as socket:
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "channel": channel}))
            yield _messages(socket)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket, signed in by its first message, for the length of the block."""
        address = f"ws{self.url.removeprefix('http')}/ws"
        async with connect(address, subprotocols=[SUBPROTOCOL], proxy=None) as socket:
            await socket.send(json.dumps({"type": "hello", "id": "0", "token": self.token, "protocol": 1}))
            yield socket


async def _messages(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for frame in socket:
        yield json.loads(frame)


@asynccontextmanager
async def signed_in(url: str, api_key: str) -> AsyncIterator[Gateway]:
    """Sign in with an API key for the length of the block.

    Raises:
        GatewayError: If the gateway refuses the key.
    """
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as http:
        token = str((await _call(http, "POST", "/api/auth/token", json={"apiKey": api_key}))["accessToken"])
        http.headers["Authorization"] = f"Bearer {token}"
        yield Gateway(url, http, token, api_key)


async def _call(http: httpx.AsyncClient, method: str, path: str, json: object = None) -> dict[str, Any]:
    try:
        answer = await http.request(method, path, json=json)
    except httpx.HTTPError as error:
        raise GatewayError(f"the gateway at {http.base_url} cannot be reached ({type(error).__name__}).") from error
    if answer.is_success:
        body: dict[str, Any] = answer.json()
        return body
    try:
        problem = answer.json()
        raise GatewayError(f"{problem['code']}: {problem['detail']}")
    except (ValueError, KeyError, TypeError):
        raise GatewayError(f"the gateway answered {answer.status_code} to {method} {path}.") from None
