"""A client that stops reading costs nobody else anything, and is gone soon."""

import asyncio
import socket
from pathlib import Path

import pytest
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from clipferry.queue.v1 import job_pb2
from gateway.live import socket as gateway_socket
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, queue_and_gateway

STALL_S = 0.3


async def stalled_client(admin: GatewayClient) -> socket.socket:
    """Return a client that says hello, listens to jobs, and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", admin.port))
    protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{admin.port}/ws"))
    protocol.send_request(protocol.connect())
    await loop.sock_sendall(client, b"".join(protocol.data_to_send()))
    protocol.receive_data(await loop.sock_recv(client, 4_096))
    protocol.send_text(f'{{"type": "hello", "token": "{admin.token}"}}'.encode())
    protocol.send_text(b'{"type": "subscribe", "channel": "jobs"}')
    await loop.sock_sendall(client, b"".join(protocol.data_to_send()))
    return client


async def test_a_client_that_stops_reading_is_dropped_and_others_hear_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_socket, "_STALL_S", STALL_S)
    monkeypatch.setattr(gateway_socket, "_FAREWELL_S", STALL_S)
    monkeypatch.setattr(gateway_socket, "_KERNEL_BUFFER_BYTES", 4_096)
    async with (
        queue_and_gateway(tmp_path, {"max_queue_size": 1_000}) as (queue, admin),
        admin.socket("jobs") as healthy,
    ):
        client = await stalled_client(admin)
        spec = job_pb2.JobSpec(url="https://video.test/" + "a" * 2_000, caption="b" * 1_000)

        async def is_subscribed() -> bool:
            return bool((await admin.get("/api/websocket/stats"))["jobSubscriptions"] == 2)

        await eventually(is_subscribed)
        names = []
        for number in range(100):
            spec.caption = str(number)
            spec.destination = str(number + 1)
            names.append((await queue.submit(owner="admin", spec=spec)).name)
        heard = [(await healthy.hear("job:queued"))["jobId"] for _ in names]
        await eventually(lambda: _dropped(admin))
        client.close()

    assert heard == [name.removeprefix("jobs/") for name in names]


async def _dropped(admin: GatewayClient) -> bool:
    stats = await admin.get("/api/websocket/stats")
    return bool(stats["connectedClients"] == 1 and stats["slowClientsDropped"] >= 1)
