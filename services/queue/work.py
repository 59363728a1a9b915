"""The edge towards processors: WorkerService."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import grpc
import structlog

from clipferry.queue.v1 import worker_service_pb2, worker_service_pb2_grpc
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, field_invalid
from services.chassis.lifecycle import background
from services.chassis.wire import duration
from services.queue.core.assigning import Assigner
from services.queue.core.fleet import Fleet
from services.queue.core.lease import Lease
from services.queue.core.moves import Move, Release
from services.queue.core.ports import JobStore, Record
from services.queue.core.runs import Progress
from services.queue.core.worker import Worker
from services.queue.run_moves import (
    begin_send,
    commit_send,
    complete_job,
    fail_job,
    job_of,
    released_count,
    resize_reservation,
)
from services.queue.wire import hello_of, lease_of
from services.queue.work_stream import WorkStream, queue_message

logger = structlog.get_logger(__name__)

_AGE_JITTER = 0.125


class WorkerServicer(worker_service_pb2_grpc.WorkerServiceServicer):
    """Answers WorkerService.

    Args:
        store: Does moves.
        fleet: Knows the connected workers.
        assigner: Hands back what a worker did not hear of.
        clock: Tells a stream's age.
        report: Takes how far runs are.
        changed: Says that workers or their credits have changed.
        lease_ttl_s: How long a worker may be silent.
        beat_interval_s: How often it shall beat.
        max_age_s: When a stream ends by itself, give or take an eighth.
    """

    def __init__(
        self,
        store: JobStore,
        fleet: Fleet,
        assigner: Assigner,
        clock: Clock,
        *,
        report: Callable[[Lease, Progress], None],
        changed: Callable[[], None],
        lease_ttl_s: float,
        beat_interval_s: float,
        max_age_s: float,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._assigner = assigner
        self._report = report
        self._clock = clock
        self._changed = changed
        self._lease_ttl_s = lease_ttl_s
        self._beat_interval_s = beat_interval_s
        self._max_age_s = max_age_s

    async def Work(
        self,
        request_iterator: AsyncIterator[worker_service_pb2.WorkerMessage],
        context: grpc.aio.ServicerContext,
    ) -> None:
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("hello"):
            raise field_invalid("hello", "is missing: a stream starts with it")
        worker = Worker(hello_of(first.hello), lease_ttl_s=self._lease_ttl_s, clock=self._clock)
        stream = WorkStream(worker, self._store, self._fleet, self._report, self._changed)
        self._fleet.connect(worker)
        logger.info("A worker connected.", action="worker_connected", worker_id=worker.hello.worker_id)
        try:
            await context.write(self._welcome())
            held = [lease_of(lease) for lease in first.hello.leases]
            await self._assigner.hand_back_unheard(worker.hello.worker_id, held)
            stream.resume(held)
            stream.take(first)
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(background(self._age(worker), name="work-age"))
                await stack.enter_async_context(background(stream.act(), name="work-act"))
                await stack.enter_async_context(background(stream.hear(request_iterator), name="work-hear"))
                while (told := await worker.outgoing()) is not None:
                    await context.write(queue_message(told, lease_ttl_s=self._lease_ttl_s))
        finally:
            self._fleet.disconnect(worker)
            self._changed()
            logger.info("A worker's stream ended.", action="worker_disconnected", worker_id=worker.hello.worker_id)

    async def BeginSend(
        self, request: worker_service_pb2.BeginSendRequest, _context: grpc.aio.ServicerContext
    ) -> worker_service_pb2.BeginSendResponse:
        await self._move(begin_send(request))
        return worker_service_pb2.BeginSendResponse()

    async def CommitSend(
        self, request: worker_service_pb2.CommitSendRequest, _context: grpc.aio.ServicerContext
    ) -> worker_service_pb2.CommitSendResponse:
        await self._move(commit_send(request))
        return worker_service_pb2.CommitSendResponse()

    async def CompleteJob(
        self, request: worker_service_pb2.CompleteJobRequest, _context: grpc.aio.ServicerContext
    ) -> worker_service_pb2.CompleteJobResponse:
        return worker_service_pb2.CompleteJobResponse(job=job_of(await self._move(complete_job(request))))

    async def FailJob(
        self, request: worker_service_pb2.FailJobRequest, _context: grpc.aio.ServicerContext
    ) -> worker_service_pb2.FailJobResponse:
        return worker_service_pb2.FailJobResponse(job=job_of(await self._move(fail_job(request))))

    async def ReleaseJobs(
        self, request: worker_service_pb2.ReleaseJobsRequest, _context: grpc.aio.ServicerContext
    ) -> worker_service_pb2.ReleaseJobsResponse:
        results = await self._store.apply([Release(lease_of(lease)) for lease in request.leases])
        return worker_service_pb2.ReleaseJobsResponse(released_count=released_count(results))

    async def ResizeReservation(
        self, request: worker_service_pb2.ResizeReservationRequest, _context: grpc.aio.ServicerContext
    ) -> worker_service_pb2.ResizeReservationResponse:
        record = await self._move(resize_reservation(request))
        return worker_service_pb2.ResizeReservationResponse(reserved_bytes=record.job.reserved_bytes)

    async def _move(self, move: Move) -> Record:
        (result,) = await self._store.apply([move])
        if isinstance(result, ClipferryError):
            raise result
        return result

    async def _age(self, worker: Worker) -> None:
        await self._clock.sleep(self._max_age_s * random.uniform(1 - _AGE_JITTER, 1 + _AGE_JITTER))
        worker.close()

    def _welcome(self) -> worker_service_pb2.QueueMessage:
        return worker_service_pb2.QueueMessage(
            welcome=worker_service_pb2.Welcome(
                beat_interval=duration(self._beat_interval_s), lease_ttl=duration(self._lease_ttl_s)
            )
        )
