"""Clients that stop reading cost nobody else anything, and are gone soon."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from clipferry.queue.v1 import job_pb2
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, Socket, queue_and_gateway
from tests.fakes.raw_socket import RawSocket, raw_socket

JOB_COUNT, STUCK_COUNT = 60, 3


async def listening_client(admin: GatewayClient, stack: AsyncExitStack) -> RawSocket:
    """Return a client that says hello, listens to jobs, and does not read."""
    client = await stack.enter_async_context(raw_socket(admin.port))
    await client.say(f'{{"type": "hello", "token": "{admin.token}"}}', '{"type": "subscribe", "channel": "jobs"}')
    return client


async def test_clients_that_stop_reading_are_dropped_and_others_hear_every_end(tmp_path: Path) -> None:
    async with (
        AsyncExitStack() as stack,
        queue_and_gateway(tmp_path, {"max_queue_size": 1_000}, websocket_write_deadline_s=1) as (queue, admin),
        admin.socket("jobs") as healthy,
    ):
        for _ in range(STUCK_COUNT):
            await listening_client(admin, stack)

        async def is_subscribed() -> bool:
            return bool((await admin.get("/api/websocket/stats"))["jobSubscriptions"] == 1 + STUCK_COUNT)

        await eventually(is_subscribed)
        hearing = asyncio.ensure_future(_ended(healthy))
        spec = job_pb2.JobSpec(url="https://video.test/" + "a" * 2_000, caption="b" * 1_000)
        names = []
        for number in range(JOB_COUNT):
            spec.destination = str(number + 1)
            names.append((await queue.submit(owner="admin", spec=spec)).name)
        for name in names:
            await queue.cancel(name)
        heard = await hearing
        await eventually(lambda: _dropped(admin))

    assert heard == [name.removeprefix("jobs/") for name in names]


async def _ended(socket: Socket) -> list[str]:
    """Return the jobs whose end is heard, in order; reads all the time, as clients do."""
    return [(await socket.hear("job:finished"))["jobId"] for _ in range(JOB_COUNT)]


async def _dropped(admin: GatewayClient) -> bool:
    """Whether only the healthy client is left, and none of the others' subscriptions."""
    stats = await admin.get("/api/websocket/stats")
    counts = (stats["connectedClients"], stats["jobSubscriptions"], stats["slowClientsDropped"])
    return counts == (1, 1, STUCK_COUNT)
