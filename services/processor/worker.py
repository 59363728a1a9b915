"""The Work stream: credits, beats and moves up; leases, cancels and answers down."""

import asyncio
import importlib.metadata
import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import grpc
import structlog

from clipferry.queue.v1 import job_pb2 as job_pb
from clipferry.queue.v1 import worker_service_pb2 as worker_pb
from clipferry.queue.v1 import worker_service_pb2_grpc as worker_grpc
from services.chassis.channel import Link
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import background
from services.chassis.status import remote_errors
from services.chassis.stream_writing import write, write_end
from services.chassis.wire import span_s
from services.processor import wire
from services.processor.adapters.move_book import MoveBook
from services.processor.core.pace import Pace
from services.processor.runs import Held, Runs

logger = structlog.get_logger(__name__)

_RECONNECT_MIN_S = 0.1
_RECONNECT_MAX_S = 5.0
_MARGIN_S = 5.0
"""A run is stopped this long before its lease ends, or a sixth of the lease if that is less."""
_LEAVE_S = 1.0
"""How long the queue may take to end a stream after the last word on it."""


def make_worker_id() -> str:
    """Return an id that is unique for each start of a process."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def versions() -> dict[str, str]:
    """Return the versions a worker tells, read without importing what they are of."""
    return {name: importlib.metadata.version(name) for name in ("clipferry", "yt-dlp")}


class Worker:
    """Keeps a Work stream open. Runs are not disturbed when it breaks: the leases live in the queue's store.

    Args:
        hello: Who this is; its leases are filled in for each stream.
        memory: Returns the memory of this moment.
        free_bytes: Returns the bytes that new runs may take.
        progress_interval_s: Least seconds between two Ready messages that only tell of memory.
        wake: Set when there may be something to send.
    """

    def __init__(
        self,
        link: Link,
        runs: Runs,
        moves: MoveBook,
        *,
        hello: worker_pb.Hello,
        memory: Callable[[], job_pb.MemoryStats],
        free_bytes: Callable[[], int],
        progress_interval_s: float,
        clock: Clock,
        wake: asyncio.Event,
    ) -> None:
        self._stub = worker_grpc.WorkerServiceStub(link.channel)
        self._link = link
        self._runs = runs
        self._moves = moves
        self._hello = hello
        self._memory = memory
        self._free_bytes = free_bytes
        self._clock = clock
        self._wake = wake
        self._ready_pace = Pace(progress_interval_s)
        self._told: worker_pb.Ready | None = None
        self._queue_drains = False
        self._beat_s = 10.0
        self._beat_at_s = 0.0
        self._ttl_s = 30.0
        self._failure_count = 0
        self._leaves = False
        self._streamless = asyncio.Event()
        self._streamless.set()

    async def leave(self) -> None:
        """Open no more streams, and end the open one as one ends that has said everything.

        A stream that is cancelled counts at the queue as one that broke.
        """
        self._leaves = True
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._streamless.wait()

    async def run(self) -> None:
        """Work until told to leave, or cancelled, over as many streams as it takes."""
        async with background(self._watch_leases(), name="lease-watch"):
            while not self._leaves:
                try:
                    await self._follow_stream()
                except ClipferryError as error:
                    self._note_failure(error)
                longest_s = min(_RECONNECT_MAX_S, 2 * _RECONNECT_MIN_S * 2**self._failure_count)
                await self._clock.sleep(random.uniform(_RECONNECT_MIN_S, longest_s))

    def _note_failure(self, error: ClipferryError) -> None:
        if self._failure_count == 0:
            logger.warning(
                "The queue cannot be reached; the worker goes on trying.",
                action="queue_lost",
                reason=error.reason.name,
                cause=error.message,
            )
        self._failure_count = min(self._failure_count + 1, 10)

    async def _watch_leases(self) -> None:
        while True:
            await self._clock.sleep(self._ttl_s / 30)
            self._runs.lose_expired(margin_s=min(_MARGIN_S, self._ttl_s / 6))

    async def _follow_stream(self) -> None:
        call = self._stub.Work(metadata=self._link.metadata)
        try:
            with remote_errors():
                await write(call, self._first_message())
                self._streamless.clear()
                async with background(self._write(call), name="work-writer"):
                    while (message := await call.read()) is not grpc.aio.EOF:
                        self._receive(message)
        finally:
            call.cancel()
            self._streamless.set()

    def _first_message(self) -> worker_pb.WorkerMessage:
        now_s = self._clock.monotonic_s()
        self._queue_drains = False
        self._told = None
        self._beat_at_s = now_s + self._beat_s
        self._moves.send_again()
        del self._hello.leases[:]
        for held in self._runs:
            held.term.reconnected(now_s)
            held.progress = held.known  # a queue that was started anew knows nothing of it
            self._hello.leases.append(wire.lease(held.run))
        return worker_pb.WorkerMessage(hello=self._hello)

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:
        while True:
            self._wake.clear()
            now_s = self._clock.monotonic_s()
            message = worker_pb.WorkerMessage(
                ready=self._ready(now_s), beats=self._beats(now_s), moves=self._moves.take()
            )
            if message.ByteSize() and not await write(call, message):
                return
            if self._leaves:
                await write_end(call)
                return
            await self._rest()

    def _ready(self, now_s: float) -> worker_pb.Ready | None:
        free_slots = 0 if self._queue_drains else self._runs.free_slots
        ready = worker_pb.Ready(free_slots=free_slots, free_bytes=self._free_bytes(), memory=self._memory())
        if ready == self._told:
            return None
        slots_changed = self._told is None or self._told.free_slots != free_slots
        if not slots_changed and self._ready_pace.wait_s(now_s):
            return None
        self._told = ready
        self._ready_pace.went(now_s)
        return ready

    def _beats(self, now_s: float) -> list[worker_pb.Beat]:
        all_due = now_s >= self._beat_at_s
        if all_due:
            self._beat_at_s = now_s + self._beat_s
        return [self._beat(held, now_s) for held in self._runs if all_due or _is_due(held, now_s)]

    def _beat(self, held: Held, now_s: float) -> worker_pb.Beat:
        progress, held.progress = held.progress, None
        held.term.beat(now_s)
        if progress is None:
            return worker_pb.Beat(lease=wire.lease(held.run))
        held.pace.went(now_s)
        return worker_pb.Beat(lease=wire.lease(held.run), progress=wire.progress(progress, self._clock))

    async def _rest(self) -> None:
        """Wait until something happens, or until what waits for its time may go."""
        now_s = self._clock.monotonic_s()
        waits_s = [self._beat_at_s - now_s, *(h.pace.wait_s(now_s) for h in self._runs if h.progress is not None)]
        if self._ready_pace.wait_s(now_s):
            waits_s.append(self._ready_pace.wait_s(now_s))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(waits_s))):
                await self._wake.wait()

    def _receive(self, message: worker_pb.QueueMessage) -> None:
        if message.HasField("welcome"):
            self._greet(message.welcome)
        for answer in message.answers:
            self._moves.settle(answer)
        for renewed in message.renewed:
            held = self._runs.get(renewed.lease.job_name, renewed.lease.token)
            if held is not None:
                held.term.renewed(span_s(renewed.ttl))
        for assign in message.assigns:
            self._runs.start(wire.run(assign.job), ttl_s=span_s(assign.job.lease_ttl))
        for cancel in message.cancels:
            self._runs.cancel(cancel.lease.job_name, cancel.lease.token)
        for finish in message.finishes:
            self._runs.finish(finish.lease.job_name, finish.lease.token)
        for lost in message.lost:
            self._runs.lose(lost.lease.job_name, lost.lease.token)
        if message.HasField("drain"):
            # This replica ends, or wants its workers elsewhere; the next stream asks again.
            self._queue_drains = True
            self._wake.set()

    def _greet(self, welcome: worker_pb.Welcome) -> None:
        self._failure_count = 0
        self._beat_s = span_s(welcome.beat_interval)
        self._ttl_s = span_s(welcome.lease_ttl)
        self._beat_at_s = min(self._beat_at_s, self._clock.monotonic_s() + self._beat_s)
        self._wake.set()
        logger.info("The queue is connected.", action="queue_connected", run_count=len(self._runs))


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    """Let `worker` work for the length of the block, and leave at its end."""
    async with background(worker.run(), name="worker"):
        try:
            yield
        finally:
            await worker.leave()


def _is_due(held: Held, now_s: float) -> bool:
    return held.progress is not None and not held.pace.wait_s(now_s)
