"""Durable lives of jobs over real gRPC, as the gateway and a processor ask for them: batches and one stream."""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.status import remote_errors
from tests.fakes.queue_client import QueueClient

SLOTS = 64
_BATCH = 64
_GIVES_UP_S = 60.0
_numbers = itertools.count()

Step = Callable[[worker_service_pb2.Lease], Mapping[str, Any]]
"""Makes the kind of a Move."""


def begin_send(lease: worker_service_pb2.Lease) -> Mapping[str, Any]:
    """Say that the bytes will flow."""
    media = job_pb2.Media(title="A video", width=1280, height=720, size_bytes=1_000_000, mime_type="video/mp4")
    return {"begin_send": worker_service_pb2.BeginSendRequest(lease=lease, size_bytes=1_000_000, media=media)}


def commit_send(lease: worker_service_pb2.Lease) -> Mapping[str, Any]:
    """Say that the last part is about to leave."""
    return {"commit_send": worker_service_pb2.CommitSendRequest(lease=lease)}


def complete_job(lease: worker_service_pb2.Lease) -> Mapping[str, Any]:
    """Say that it has arrived."""
    delivery = job_pb2.Delivery(chat_id=1, message_id=1, size_bytes=1_000_000)
    return {"complete_job": worker_service_pb2.CompleteJobRequest(lease=lease, delivery=delivery)}


THREE_STEPS: Sequence[Step] = (complete_job,)
"""Submit, lease, complete."""
FIVE_STEPS: Sequence[Step] = (begin_send, commit_send, complete_job)
"""Submit, lease, begin, commit, complete."""


class _Runs:
    """A worker whose runs take no time: each answer is followed by the next step at once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._asked: dict[int, tuple[worker_service_pb2.Lease, int]] = {}
        self._correlation_ids = itertools.count(1)
        self.completed_count = 0

    def first(self) -> worker_service_pb2.WorkerMessage:
        """Give all credits."""
        return self._with_credits([])

    def take(self, message: worker_service_pb2.QueueMessage) -> worker_service_pb2.WorkerMessage | None:
        """Take in what the queue tells; returns what to say to that."""
        assert not message.lost, "a run was taken away"
        moves = [self._ask(assign.job.lease, 0) for assign in message.assigns]
        for answer in message.answers:
            assert not answer.HasField("error"), answer.error.message
            lease, step = self._asked.pop(answer.correlation_id)
            if step + 1 < len(self._steps):
                moves.append(self._ask(lease, step + 1))
            else:
                self.completed_count += 1
        # As a processor does: what a run held is free once it asks for its end.
        return self._with_credits(moves) if moves else None

    def _ask(self, lease: worker_service_pb2.Lease, step: int) -> worker_service_pb2.Move:
        correlation_id = next(self._correlation_ids)
        self._asked[correlation_id] = lease, step
        return worker_service_pb2.Move(correlation_id=correlation_id, **self._steps[step](lease))

    def _with_credits(self, moves: Sequence[worker_service_pb2.Move]) -> worker_service_pb2.WorkerMessage:
        held_count = sum(step + 1 < len(self._steps) for _, step in self._asked.values())
        ready = worker_service_pb2.Ready(free_slots=SLOTS - held_count, free_bytes=1 << 40)
        return worker_service_pb2.WorkerMessage(ready=ready, moves=moves)


async def lives(
    clients: Sequence[QueueClient], steps: Sequence[Step], *, count: int, per_second: float = math.inf
) -> float:
    """Live `count` lives, shared out over the queues behind `clients`, each with a worker of its own.

    Args:
        clients: Of one store.
        steps: What a worker asks for.
        count: Divisible by the clients.
        per_second: How many are submitted a second at most, evenly; without it as fast as they are accepted.

    Returns:
        Seconds from the first submission to the last answer.

    Raises:
        AssertionError: If not exactly `count` more jobs are completed afterwards.
        TimeoutError: If that takes more than a minute.
    """
    before_count = await completed_count(clients[0])
    async with asyncio.timeout(_GIVES_UP_S):
        shared_out = _Countdown(count)
        calls = [await connected(client, slots=SLOTS) for client in clients]
        try:
            started_at_s = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for client, call in zip(clients, calls, strict=True):
                    group.create_task(_work(call, steps, shared_out))
                    share = len(clients)
                    group.create_task(submit(client, count // share, per_second=per_second / share))
            taken_s = time.perf_counter() - started_at_s
        finally:
            for call in calls:
                call.cancel()
    done_count = await completed_count(clients[0]) - before_count
    assert done_count == count, f"{done_count} jobs were completed, not {count}"
    return taken_s


async def submit(client: QueueClient, count: int, *, per_second: float = math.inf) -> None:
    """Submit `count` jobs, as the gateway does: a batch of those that are due, its answer, the next batch."""
    began_at_s = time.perf_counter()
    done_count = 0
    while done_count < count:
        await asyncio.sleep(began_at_s + done_count / per_second - time.perf_counter())
        due_count = min((time.perf_counter() - began_at_s) * per_second + 1, count) - done_count
        requests = [submission() for _ in range(min(_BATCH, max(int(due_count), 1)))]
        done_count += len(requests)
        answer = await client.call(client.queue.SubmitJobs, queue_service_pb2.SubmitJobsRequest(requests=requests))
        assert all(result.HasField("accepted") for result in answer.results)


def submission() -> queue_service_pb2.SubmitJobRequest:
    """Return a job unlike any other."""
    spec = job_pb2.JobSpec(url=f"https://video.example/{next(_numbers)}")
    return queue_service_pb2.SubmitJobRequest(owner="bench", spec=spec)


async def completed_count(client: QueueClient) -> int:
    """Return how many jobs the queue has seen to their end."""
    return (await _jobs_by_state(client))["COMPLETED"]


async def kept_count(client: QueueClient) -> int:
    """Return how many jobs there are, those that are over included."""
    return sum((await _jobs_by_state(client)).values())


async def _jobs_by_state(client: QueueClient) -> Mapping[str, int]:
    answer = await client.call(client.queue.GetStats, queue_service_pb2.GetStatsRequest())
    return Counter(answer.stats.jobs_by_state)


async def connected(client: QueueClient, *, slots: int) -> Any:
    """Return the Work call of a new worker, without a deadline; cancel it in the end."""
    call = client.work.Work(metadata=client.link.metadata)
    hello = worker_service_pb2.Hello(worker_id=f"bench-{next(_numbers)}", slots=slots)
    await call.write(worker_service_pb2.WorkerMessage(hello=hello))
    with remote_errors():
        message = await call.read()
    assert message.HasField("welcome")
    return call


class _Countdown:
    """Lives that are still to be lived, by all workers together."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.over = asyncio.Event()

    def count(self, done: int) -> None:
        self._left -= done
        if self._left <= 0:
            self.over.set()


async def _work(call: Any, steps: Sequence[Step], left: _Countdown) -> None:
    reading = asyncio.ensure_future(_follow(call, _Runs(steps), left))
    over = asyncio.ensure_future(left.over.wait())
    try:
        await asyncio.wait((reading, over), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        over.cancel()


async def _follow(call: Any, runs: _Runs, left: _Countdown) -> None:
    with remote_errors():
        await call.write(runs.first())
        while message := await call.read():
            before_count = runs.completed_count
            said = runs.take(message)
            left.count(runs.completed_count - before_count)
            if said is not None:
                await call.write(said)
    raise AssertionError("the stream ended before the lives did")
