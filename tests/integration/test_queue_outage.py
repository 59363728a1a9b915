"""The database goes away and comes back: callers are told to try again, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.eventually import eventually
from tests.fakes.postgres import Server
from tests.fakes.queue_client import QueueClient, queue_at_hand

GB = 1 << 30
LEASE_TTL_S = 4.0
DELIVERY = job_pb2.Delivery(chat_id=1, message_id=7)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "pg")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
async def client(server: Server, tmp_path: Path) -> AsyncIterator[QueueClient]:
    leases: dict[str, Any] = {"lease_ttl_s": LEASE_TTL_S, "beat_interval_s": LEASE_TTL_S / 3, "reap_interval_s": 0.1}
    async with queue_at_hand(tmp_path, database_url=server.url(), **leases) as client:
        yield client


async def refused(client: QueueClient) -> ClipferryError:
    with pytest.raises(ClipferryError) as error:
        await client.submit("https://video.test/refused")
    return error.value


async def accepts(client: QueueClient) -> bool:
    try:
        await client.submit("https://video.test/after", request_id="after")
    except ClipferryError as error:
        if error.reason is not Reason.STORE_UNAVAILABLE:
            raise
        return False
    return True


async def test_while_it_is_away_every_call_is_told_to_try_again(client: QueueClient, server: Server) -> None:
    """Writes and reads, over the stream and without: STORE_UNAVAILABLE, with a time, and nothing of the database's."""
    async with client.worker() as worker:
        await worker.ready(free_bytes=GB)
        await client.submit()
        lease = (await worker.run()).lease
        server.stop()

        write = await refused(client)
        with pytest.raises(ClipferryError) as read:
            await client.call(client.queue.ListJobs, queue_service_pb2.ListJobsRequest())
        moved = await worker.move(1, begin_send=worker_service_pb2.BeginSendRequest(lease=lease, size_bytes=1))

    for error in (write, read.value):
        assert (error.reason, error.message) == (Reason.STORE_UNAVAILABLE, Reason.STORE_UNAVAILABLE.text)
        assert error.retry_after_s == 1
    assert moved.error.message == Reason.STORE_UNAVAILABLE.text


async def test_everything_goes_on_when_it_is_back(client: QueueClient, server: Server) -> None:
    """A run that was under way keeps its lease, for nobody could renew it; what waits is given out; watches go on."""
    async with client.worker() as worker, client.watch() as watch:
        await worker.ready(free_bytes=GB)
        job = await client.submit()
        lease = (await worker.run()).lease
        server.stop()
        await refused(client)
        await asyncio.sleep(LEASE_TTL_S)  # a lease that counted this time would be over
        server.start()
        await eventually(lambda: accepts(client), within_s=20, what="the queue accepts jobs")

        completion = worker_service_pb2.CompleteJobRequest(lease=lease, delivery=DELIVERY)
        answer = await worker.move(2, complete_job=completion)
        next_run = await worker.run()
        events = [await watch.item("event") for _ in range(5)]

    assert not answer.HasField("error")
    assert next_run.job.spec.url == "https://video.test/after"
    assert [event.sequence for event in events] == list(range(1, 6))
    assert (await client.get(job.name)).state == job_pb2.JOB_STATE_COMPLETED
