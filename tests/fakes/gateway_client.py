"""A gateway in this process, and clients that speak HTTP and WebSocket to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.config import GatewaySettings
from gateway.service import gateway_service
from services.chassis.channel import open_link
from services.chassis.clock import Clock
from services.queue.service import queue_service
from tests.fakes.queue_client import QueueClient, settings_for
from tests.fakes.spoken import check_said, check_spoken

ADMIN_KEY = "test-admin-key-0123456789"
DEADLINE_S = 20.0
UNLIMITED: Mapping[str, Any] = {"submits_per_min": 0, "requests_per_min": 0, "address_requests_per_min": 0}
"""Settings of a gateway for tests that make more requests than a person does."""


@dataclass
class GatewayClient:
    """One user of a gateway."""

    http: httpx.AsyncClient
    port: int
    token: str = ""
    refresh_token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a signed-in request."""
        return {"Authorization": f"Bearer {self.token}"}

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a signed-in request."""
        return await self.http.request(method, path, headers={**self.headers, **options.pop("headers", {})}, **options)

    async def get(self, path: str) -> Any:
        """Return the JSON of a successful GET."""
        response = await self.request("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    async def submit(self, url: str = "https://video.test/1", **headers: str) -> Any:
        """Submit a page; returns the job."""
        response = await self.request("POST", "/api/jobs", json={"url": url}, headers=headers)
        assert response.status_code == 202, response.text
        return response.json()

    async def sign_in(self, **way: str) -> "GatewayClient":
        """Return a client that signed in by ``apiKey=`` or ``pairingCode=``."""
        response = await self.http.post("/api/auth/token", json=way)
        assert response.status_code == 200, response.text
        tokens = response.json()
        return GatewayClient(self.http, self.port, tokens["accessToken"], tokens["refreshToken"])

    async def add_user(self, user: str) -> None:
        """Add a user, unless there already."""
        response = await self.request("POST", "/api/admin/users", json={"user": user})
        assert response.status_code == 201 or "there is one of that name" in response.text, response.text

    async def invite(self, user: str) -> "GatewayClient":
        """Return a client of another user, who is added unless there already."""
        await self.add_user(user)
        paired = await self.request("POST", "/api/auth/pair", json={"user": user})
        return await self.sign_in(pairingCode=paired.json()["pairingCode"])

    @asynccontextmanager
    async def socket(self, *channels: str, hello: bool = True, **options: Any) -> AsyncIterator["Socket"]:
        """Open a WebSocket for the length of the block, say hello and subscribe."""
        options.setdefault("subprotocols", [Subprotocol("clipferry.v1")])
        async with connect(f"ws://127.0.0.1:{self.port}/ws", **options) as connection:
            socket = Socket(connection)
            if hello:
                await socket.say(type="hello", token=self.token, protocol=1)
                await socket.hear("welcome")
            for channel in channels:
                await socket.say(type="subscribe", channel=channel)
                await socket.hear("subscribed")
            yield socket


async def key_of_admin(admin: GatewayClient, scopes: Sequence[str]) -> str:
    """Return a new API key of the admin's own that may be used for `scopes` only."""
    response = await admin.request("POST", "/api/auth/keys", json={"user": "admin", "label": "test", "scopes": scopes})
    assert response.status_code == 201, response.text
    key: str = response.json()["apiKey"]
    return key


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that `response` is a whole problem; returns it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:clipferry:problem:{code.lower().replace('_', '-')}"
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.request.url.path
    assert body["requestId"] == response.headers["x-request-id"]
    return body


class Socket:
    """What a live client says and hears."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        """Send a message that the AsyncAPI document knows."""
        check_said(message)
        await self.say_wrong(**message)

    async def say_wrong(self, **message: Any) -> None:
        """Send a message, whatever it is."""
        await self.connection.send(json.dumps(message))

    async def next(self) -> dict[str, Any]:
        """Return the next message, which is as the AsyncAPI document says."""
        async with asyncio.timeout(DEADLINE_S):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        check_spoken(message)
        self.heard.append(message)
        return message

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message of a type; those before it are kept in `heard`."""
        while (message := await self.next())["type"] != kind:
            pass
        return message

    async def closed(self) -> int:
        """Return the code with which the gateway closes."""
        async with asyncio.timeout(DEADLINE_S):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code


@asynccontextmanager
async def gateway_at_hand(
    folder: Path, queue_port: int = 1, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[GatewayClient]:
    """Run a gateway for the length of the block; yields its admin, signed in."""
    told = GatewaySettings(
        **{
            "port": 0,
            "queue_target": f"127.0.0.1:{queue_port}",
            "processor_target": "127.0.0.1:1",
            "gateway_database_url": f"sqlite:///{folder / 'gateway.db'}",
            "admin_api_key": ADMIN_KEY,
            "drain_s": 1,
            **settings,
        }
    )
    async with (
        gateway_service(told, clock) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False) as http,
    ):
        yield await GatewayClient(http, port).sign_in(apiKey=ADMIN_KEY)


@asynccontextmanager
async def queue_and_gateway(
    folder: Path, queue: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[QueueClient, GatewayClient]]:
    """Run both for the length of the block.

    Args:
        folder: Where both keep their data.
        queue: Settings of the queue.
        settings: Settings of the gateway.
    """
    async with (
        queue_service(settings_for(folder, **{"drain_s": 0.2, **(queue or {})})) as port,
        open_link(f"127.0.0.1:{port}") as link,
        gateway_at_hand(folder, port, **settings) as admin,
    ):
        yield QueueClient(link), admin
