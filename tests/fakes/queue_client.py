"""A queue service in this process, and clients that speak real gRPC to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipferry.queue.v1 import (
    job_pb2,
    queue_service_pb2,
    queue_service_pb2_grpc,
    worker_service_pb2,
    worker_service_pb2_grpc,
)
from services.chassis.channel import Link, open_link
from services.chassis.clock import Clock
from services.chassis.status import remote_errors
from services.queue.config import QueueSettings
from services.queue.service import queue_service

DEADLINE_S = 20.0


@dataclass
class QueueClient:
    """Both services of a queue."""

    link: Link

    @property
    def queue(self) -> Any:
        """Stub of QueueService."""
        return queue_service_pb2_grpc.QueueServiceStub(self.link.channel)

    @property
    def work(self) -> Any:
        """Stub of WorkerService."""
        return worker_service_pb2_grpc.WorkerServiceStub(self.link.channel)

    async def call(self, method: Any, request: Any) -> Any:
        """Make a unary call; its failure is a ClipferryError."""
        with remote_errors():
            return await method(request, timeout=DEADLINE_S, metadata=self.link.metadata)

    async def submit(self, url: str = "https://video.test/1", **fields: Any) -> job_pb2.Job:
        """Submit one job for ann, with `fields` of the request."""
        request = queue_service_pb2.SubmitJobRequest(**{"owner": "ann", "spec": job_pb2.JobSpec(url=url), **fields})
        response: queue_service_pb2.SubmitJobResponse = await self.call(self.queue.SubmitJob, request)
        return response.job

    async def get(self, name: str) -> job_pb2.Job:
        """Return one job."""
        response = await self.call(self.queue.GetJob, queue_service_pb2.GetJobRequest(name=name))
        job: job_pb2.Job = response.job
        return job

    async def cancel(self, name: str) -> job_pb2.Job:
        """Cancel one job."""
        response = await self.call(self.queue.CancelJob, queue_service_pb2.CancelJobRequest(name=name))
        job: job_pb2.Job = response.job
        return job

    @asynccontextmanager
    async def watch(self, **fields: Any) -> AsyncIterator["Watch"]:
        """Watch jobs for the length of the block."""
        call = self.queue.WatchJobs(timeout=DEADLINE_S, metadata=self.link.metadata)
        await call.write(queue_service_pb2.WatchJobsRequest(**fields))
        try:
            yield Watch(call)
        finally:
            call.cancel()

    @asynccontextmanager
    async def worker(self, worker_id: str = "worker-1", *, slots: int = 3, **fields: Any) -> AsyncIterator["WorkCall"]:
        """Be a worker for the length of the block."""
        call = self.work.Work(timeout=DEADLINE_S, metadata=self.link.metadata)
        hello = worker_service_pb2.Hello(worker_id=worker_id, slots=slots, **fields)
        await call.write(worker_service_pb2.WorkerMessage(hello=hello))
        worker = WorkCall(call)
        try:
            await worker.told("welcome")
            yield worker
        finally:
            call.cancel()


class Watch:
    """What a watcher reads, item by item."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self._items: list[queue_service_pb2.WatchItem] = []

    async def item(self, kind: str) -> Any:
        """Return the next item of a kind; others before it are passed over."""
        while True:
            while not self._items:
                with remote_errors():
                    response = await self.call.read()
                assert response, f"the watch ended before a {kind}"
                self._items.extend(response.items)
            item = self._items.pop(0)
            if item.WhichOneof("kind") == kind:
                return getattr(item, kind)

    async def rest(self) -> list[queue_service_pb2.WatchItem]:
        """Return all items until the watch ends by itself."""
        with remote_errors():
            while response := await self.call.read():
                self._items.extend(response.items)
        return self._items


class WorkCall:
    """What a worker says and is told."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self._told: dict[str, list[Any]] = {}

    async def say(self, **fields: Any) -> None:
        """Say something."""
        await self.call.write(worker_service_pb2.WorkerMessage(**fields))

    async def ready(self, slots: int = 3, **fields: Any) -> None:
        """Give credits."""
        await self.say(ready=worker_service_pb2.Ready(free_slots=slots, **fields))

    async def told(self, kind: str) -> Any:
        """Return the next thing of a kind that the queue tells."""
        while not self._told.get(kind):
            with remote_errors():
                message = await self.call.read()
            assert message, f"the stream ended before a {kind}"
            for field, value in message.ListFields():
                values = [value] if field.name in ("welcome", "drain") else list(value)
                self._told.setdefault(field.name, []).extend(values)
        return self._told[kind].pop(0)

    async def run(self) -> worker_service_pb2.LeasedJob:
        """Return the next run that is assigned."""
        run: worker_service_pb2.LeasedJob = (await self.told("assigns")).job
        return run

    def heard_count(self, kind: str) -> int:
        """Return how many things of a kind were told and not asked for yet."""
        return len(self._told.get(kind, ()))

    async def beat(self, lease: Any, percent: float | None = None) -> None:
        """Give a sign of life."""
        progress = None if percent is None else job_pb2.Progress(percent=percent, stage=job_pb2.STAGE_DOWNLOADING)
        await self.say(beats=[worker_service_pb2.Beat(lease=lease, progress=progress)])

    async def move(self, number: int, **kind: Any) -> Any:
        """Ask for a move; returns its answer."""
        await self.say(moves=[worker_service_pb2.Move(correlation_id=number, **kind)])
        answer = await self.told("answers")
        assert answer.correlation_id == number
        return answer


def settings_for(folder: Path, **settings: Any) -> QueueSettings:
    """Return settings of a queue that keeps its jobs in `folder`, without pauses unless told."""
    return QueueSettings(
        **{
            "listen_address": "127.0.0.1:0",
            "database_url": f"sqlite:///{folder / 'queue.db'}",
            "worker_spawn_delay_ms": 0,
            "drain_s": 5,
            **settings,
        }
    )


@asynccontextmanager
async def queue_at_hand(folder: Path, *, clock: Clock | None = None, **settings: Any) -> AsyncIterator[QueueClient]:
    """Run a queue for the length of the block."""
    async with queue_service(settings_for(folder, **settings), clock) as port, open_link(f"127.0.0.1:{port}") as link:
        yield QueueClient(link)
