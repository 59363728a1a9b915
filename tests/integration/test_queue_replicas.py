"""Two replicas of the queue on one PostgreSQL: to whoever talks to either of them they are one queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.eventually import eventually
from tests.fakes.postgres import database_for
from tests.fakes.queue_client import QueueClient, queue_at_hand

GB = 1 << 30


@asynccontextmanager
async def replica(folder: Path, **settings: Any) -> AsyncIterator[QueueClient]:
    async with queue_at_hand(folder, database_url=database_for(folder), **settings) as client:
        yield client


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[QueueClient, QueueClient]]:
    async with replica(tmp_path) as one, replica(tmp_path) as two:
        yield one, two


async def stats(client: QueueClient) -> job_pb2.Stats:
    response = await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())
    found: job_pb2.Stats = response.stats
    return found


async def test_a_job_of_one_replica_runs_at_the_worker_of_the_other(pair: tuple[QueueClient, QueueClient]) -> None:
    """Submitted here, run there, watched here to its end, and each replica tells the same of it."""
    one, two = pair
    async with two.worker() as worker, one.watch(include_progress=True) as watch:
        await worker.ready(free_bytes=GB)
        job = await one.submit()
        lease = (await worker.run()).lease
        states = [(await watch.item("event")).job.state for _ in range(2)]
        await worker.beat(lease, percent=40)
        progress = await watch.item("progress")
        while progress.progress.percent == 0:
            progress = await watch.item("progress")
        delivery = job_pb2.Delivery(chat_id=1, message_id=7)
        await worker.move(1, complete_job=worker_service_pb2.CompleteJobRequest(lease=lease, delivery=delivery))
        states.append((await watch.item("event")).job.state)

    assert (progress.name, progress.progress.percent) == (job.name, 40)
    assert states == [job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_PROCESSING, job_pb2.JOB_STATE_COMPLETED]
    assert await one.get(job.name) == await two.get(job.name)


async def test_a_cancel_at_one_replica_reaches_the_worker_at_the_other(pair: tuple[QueueClient, QueueClient]) -> None:
    one, two = pair
    async with two.worker() as worker:
        await worker.ready(free_bytes=GB)
        job = await one.submit()
        run = await worker.run()

        await one.cancel(job.name)

        assert (await worker.told("cancels")).lease == run.lease


async def test_a_watch_goes_on_at_the_other_replica(pair: tuple[QueueClient, QueueClient]) -> None:
    """Its cursor is good at both: nothing is missed and nothing comes twice."""
    one, two = pair
    names = [(await client.submit(f"https://video.test/{number}")).name for number, client in enumerate((one, two) * 3)]
    async with one.watch(after_sequence=0) as watch:
        first = [await watch.item("event") for _ in range(3)]
    async with two.watch(after_sequence=first[-1].sequence) as watch:
        rest = [await watch.item("event") for _ in range(3)]

    assert [event.sequence for event in first + rest] == list(range(1, 7))
    assert [event.job.name for event in first + rest] == names


async def test_totals_are_sums_and_the_peak_is_the_fleets(pair: tuple[QueueClient, QueueClient]) -> None:
    """Whichever replica is asked: workers, slots and memory of both, jobs of the one store."""
    one, two = pair
    async with one.worker("here", slots=2, memory_limit_bytes=100) as here:
        async with two.worker("there", slots=3, memory_limit_bytes=200) as there:
            memory = job_pb2.MemoryStats(current_bytes=60, peak_bytes=70, max_bytes=100)
            await here.ready(0, memory=memory)
            await there.ready(0, memory=job_pb2.MemoryStats(current_bytes=50, peak_bytes=50, max_bytes=200))
            await one.submit()

            async def both_know() -> bool:
                found = [await stats(client) for client in pair]
                return all((each.workers, each.slots_total, each.memory.current_bytes) == (2, 5, 110) for each in found)

            await eventually(both_know, what="both replicas know both workers")
            for client in pair:
                found = await stats(client)
                assert (found.memory.peak_bytes, found.memory.max_bytes) == (110, 300)
                assert found.jobs_by_state == {"QUEUED": 1}

        async def one_is_gone() -> bool:
            found = [await stats(client) for client in pair]
            return all((each.workers, each.memory.current_bytes) == (1, 60) for each in found)

        await eventually(one_is_gone, what="both replicas know that a worker has gone")
        assert [(await stats(client)).memory.peak_bytes for client in pair] == [110, 110]


async def test_a_worker_goes_on_at_the_other_replica(tmp_path: Path) -> None:
    """Its replica stops in mid-job: it shows its lease at the other one and finishes there, in the same run."""
    async with replica(tmp_path) as two:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(replica(tmp_path, drain_s=0))
            worker = await stack.enter_async_context(one.worker("mover"))
            await worker.ready(free_bytes=GB)
            job = await one.submit()
            lease = (await worker.run()).lease
        async with two.worker("mover", leases=[lease]) as moved:
            assert (await moved.told("renewed")).lease == lease
            delivery = job_pb2.Delivery(chat_id=1, message_id=7)
            await moved.move(1, complete_job=worker_service_pb2.CompleteJobRequest(lease=lease, delivery=delivery))

        done = await two.get(job.name)
    assert (done.state, done.attempt) == (job_pb2.JOB_STATE_COMPLETED, 1)


async def test_a_run_that_the_worker_never_heard_of_is_handed_back(pair: tuple[QueueClient, QueueClient]) -> None:
    """The assignment was lost with the stream: the worker comes back without it, and the job waits for nobody."""
    one, two = pair
    async with one.worker("forgetful") as worker:
        await worker.ready(free_bytes=GB)
        job = await one.submit()
        await worker.run()
    async with two.worker("forgetful") as again:
        await again.ready(free_bytes=GB)
        run = await again.run()

    assert (run.lease.job_name, run.lease.token) == (job.name, 2)
    assert run.job.attempt == 1


async def test_all_limits_hold_over_all_replicas(tmp_path: Path) -> None:
    """However the calls are spread and however they meet: no more wait, and no more run, than are allowed."""
    limits = {"max_queue_size": 8, "max_per_owner_running": 2, "max_running": 3}
    async with replica(tmp_path, **limits) as one, replica(tmp_path, **limits) as two:

        async def submit(number: int) -> str:
            client = (one, two)[number % 2]
            try:
                await client.submit(f"https://video.test/{number}", owner=f"owner-{number % 4}")
            except ClipferryError as error:
                return error.reason.name
            return "accepted"

        outcomes = await asyncio.gather(*(submit(number) for number in range(20)))
        assert sorted(outcomes) == ["QUEUE_FULL"] * 12 + ["accepted"] * 8
        async with one.worker("one", slots=10) as here, two.worker("two", slots=10) as there:
            await here.ready(10, free_bytes=GB)
            await there.ready(10, free_bytes=GB)

            async def three_run() -> bool:
                return (await stats(two)).jobs_by_state.get("PROCESSING", 0) == 3

            await eventually(three_run, what="three jobs run")
            await eventually_never(three_run)


async def eventually_never(still: Any) -> None:
    """See that nothing changes for some rounds of both dispatchers."""
    for _ in range(5):
        await asyncio.sleep(0.05)
        assert await still()


async def test_a_duplicate_at_the_other_replica_is_the_same_job(pair: tuple[QueueClient, QueueClient]) -> None:
    one, two = pair

    first, second = await asyncio.gather(one.submit(request_id="r"), two.submit(request_id="r"))
    third = await two.submit()

    assert first.name == second.name == third.name


async def test_owners_take_turns_over_all_replicas(pair: tuple[QueueClient, QueueClient]) -> None:
    one, two = pair
    for number in range(3):
        await one.submit(f"https://video.test/{number}", owner="ann")
    await two.submit("https://video.test/bob", owner="bob")

    async with two.worker(slots=2) as worker:
        await worker.ready(2, free_bytes=GB)
        owners = [(await worker.run()).job.owner for _ in range(2)]

    assert owners == ["ann", "bob"]


async def test_an_unknown_cursor_is_told(pair: tuple[QueueClient, QueueClient]) -> None:
    _, two = pair
    with pytest.raises(ClipferryError) as refused:
        async with two.watch(after_sequence=99) as watch:
            await watch.item("event")

    assert refused.value.reason is Reason.CURSOR_EXPIRED
