"""Clients that stop reading cost nobody else anything, and are gone soon."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

from clipferry.queue.v1 import job_pb2
from tests.fakes.eventually import eventually
from tests.fakes.gateway_client import GatewayClient, Socket, queue_and_gateway
from tests.fakes.raw_socket import RawSocket, raw_socket

JOB_COUNT, READER_COUNT, STUCK_COUNT = 60, 100, 10


async def listening_client(admin: GatewayClient, stack: AsyncExitStack) -> RawSocket:
    """Return a client that says hello, listens to jobs, and does not read."""
    client = await stack.enter_async_context(raw_socket(admin.port))
    await client.say(f'{{"type": "hello", "token": "{admin.token}"}}', '{"type": "subscribe", "channel": "jobs"}')
    return client


async def test_clients_that_stop_reading_are_dropped_and_others_hear_every_end(tmp_path: Path) -> None:
    """A tenth of a thousand, of which ten stop: each of the others hears each end, in order."""
    told = {"websocket_connections_per_user": 1_000, "websocket_write_deadline_s": 3}
    async with (
        AsyncExitStack() as stack,
        queue_and_gateway(tmp_path, {"max_queue_size": 1_000}, **told) as (
            queue,
            admin,
        ),
    ):
        readers = [await stack.enter_async_context(admin.socket("jobs")) for _ in range(READER_COUNT)]
        for _ in range(STUCK_COUNT):
            await listening_client(admin, stack)

        async def are_subscribed() -> bool:
            return bool((await admin.get("/api/websocket/stats"))["jobSubscriptions"] == READER_COUNT + STUCK_COUNT)

        await eventually(are_subscribed)
        hearing = asyncio.gather(*(_ended(reader) for reader in readers))
        spec = job_pb2.JobSpec(url="https://video.test/" + "a" * 2_000, caption="b" * 1_000)
        names = []
        for number in range(JOB_COUNT):
            spec.destination = str(number + 1)
            names.append((await queue.submit(owner="admin", spec=spec)).name)
        for name in names:
            await queue.cancel(name)
        async with asyncio.timeout(60):
            heard = await hearing
        await eventually(lambda: _dropped(admin), within_s=60)

    ended = [name.removeprefix("jobs/") for name in names]
    assert [each for each in heard if each != ended] == []


async def _ended(socket: Socket) -> list[str]:
    """Return the jobs whose end is heard, in order; reads all the time, as clients do.

    What is said is held against its schema elsewhere: that takes longer than all the rest.
    """
    ended: list[str] = []
    while len(ended) < JOB_COUNT:
        text = str(await socket.connection.recv())
        if '"job:finished"' in text:
            ended.append(json.loads(text)["jobId"])
    return ended


async def _dropped(admin: GatewayClient) -> bool:
    """Whether only the readers are left, and none of the others' subscriptions."""
    stats = await admin.get("/api/websocket/stats")
    counts = (stats["connectedClients"], stats["jobSubscriptions"], stats["slowClientsDropped"])
    return counts == (READER_COUNT, READER_COUNT, STUCK_COUNT)
