"""Durable job lives per second over gRPC: submit, lease, complete, each committed with fsync."""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Sequence

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.channel import open_link
from tests.bench.figure import Figure, alternated
from tests.bench.process import process
from tests.fakes.queue_client import QueueClient
from tests.processes.ports import free_ports

JOBS_COUNT = 4_000
IN_FLIGHT = 64
_numbers = itertools.count()


async def durable_lives() -> Sequence[Figure]:
    """Measure the streamed way of the gateway and the processor against a unary call for each step."""
    port = free_ports(["queue"])["queue"]
    with tempfile.TemporaryDirectory(prefix="clipferry-bench-") as directory:
        environment = {
            "DATABASE_URL": f"sqlite:///{directory}/queue.db",
            "QUEUE_LISTEN_ADDRESS": f"127.0.0.1:{port}",
            "MAX_QUEUE_SIZE": "1000000",
            "WORKER_SPAWN_DELAY": "0",
            "LOG_LEVEL": "WARNING",
        }
        async with (
            process("services.queue", port=port, environment=environment),
            open_link(f"127.0.0.1:{port}") as link,
        ):
            client = QueueClient(link)
            ours, peer = await alternated(lambda: _streamed(client), lambda: _unary(client), count=5)
    goal = "stream ≥ 3 × unary"
    return [Figure("job lives / s, 64 in flight", ours, goal, peer, "the same queue, one unary call for each step")]


async def _streamed(client: QueueClient) -> float:
    async with client.worker(f"bench-{next(_numbers)}", slots=IN_FLIGHT) as worker:
        started_at_s = time.perf_counter()
        await worker.ready(IN_FLIGHT, free_bytes=1 << 40)
        submitting = asyncio.gather(*(_submit_batches(client, JOBS_COUNT // 2) for _ in range(2)))
        completed_count = 0
        moves = itertools.count(1)
        while completed_count < JOBS_COUNT:
            message = await worker.call.read()
            done = len(message.answers)
            assert not any(answer.HasField("error") for answer in message.answers)
            completed_count += done
            if message.assigns or done:
                told = worker_service_pb2.WorkerMessage(
                    moves=[_completion(next(moves), assign.job.lease) for assign in message.assigns]
                )
                if done:
                    told.ready.free_slots = IN_FLIGHT
                    told.ready.free_bytes = 1 << 40
                await worker.call.write(told)
        await submitting
        return JOBS_COUNT / (time.perf_counter() - started_at_s)


async def _submit_batches(client: QueueClient, count: int) -> None:
    for _ in range(count // IN_FLIGHT + 1):
        size = min(IN_FLIGHT, count)
        count -= size
        requests = [_submission() for _ in range(size)]
        answer = await client.call(client.queue.SubmitJobs, queue_service_pb2.SubmitJobsRequest(requests=requests))
        assert all(result.HasField("accepted") for result in answer.results)


async def _unary(client: QueueClient) -> float:
    count = JOBS_COUNT // 4
    async with client.worker(f"bench-{next(_numbers)}", slots=IN_FLIGHT) as worker:
        started_at_s = time.perf_counter()
        free = asyncio.Semaphore(IN_FLIGHT)
        one_writer = asyncio.Lock()
        await worker.ready(IN_FLIGHT, free_bytes=1 << 40)

        async def submit() -> None:
            async with free:
                await client.call(client.queue.SubmitJob, _submission())

        async def complete(lease: worker_service_pb2.Lease) -> None:
            await client.call(client.work.CompleteJob, _completion_request(lease))
            async with one_writer:
                await worker.ready(IN_FLIGHT, free_bytes=1 << 40)

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(submit())
            for _ in range(count):
                group.create_task(complete((await worker.run()).lease))
        return count / (time.perf_counter() - started_at_s)


def _submission() -> queue_service_pb2.SubmitJobRequest:
    return queue_service_pb2.SubmitJobRequest(
        owner="bench", spec=job_pb2.JobSpec(url=f"https://video.example/{next(_numbers)}")
    )


def _completion(correlation_id: int, lease: worker_service_pb2.Lease) -> worker_service_pb2.Move:
    return worker_service_pb2.Move(correlation_id=correlation_id, complete_job=_completion_request(lease))


def _completion_request(lease: worker_service_pb2.Lease) -> worker_service_pb2.CompleteJobRequest:
    delivery = job_pb2.Delivery(chat_id=1, message_id=1, size_bytes=1)
    return worker_service_pb2.CompleteJobRequest(lease=lease, delivery=delivery)
