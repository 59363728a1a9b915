"""A processor as the queue knows it: one Work stream, whose runs take as long as they are told to."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from clipferry.queue.v1 import job_pb2, worker_service_pb2
from services.queue.core.ports import Record
from services.queue.core.worker import Hello, Worker
from services.queue.work_stream import WorkStream, queue_message
from tests.simulation.plant import LEASE_TTL_S, Plant

SLOTS = 3
"""MAX_CONCURRENT_DOWNLOADS."""
_LIMIT_BYTES = 209_715_200
"""MAX_TOTAL_MEMORY."""
_PER_VIDEO_BYTES = 52_428_800
"""MAX_MEMORY_PER_VIDEO: what a job of unknown size reserves."""

Answered = Callable[[], None]


class Processor:
    """One worker.

    Args:
        name: Its id.
        plant: The queue.
        on_assign: Hears of each run that it is given.
    """

    def __init__(self, name: str, plant: Plant, on_assign: "Callable[[Processor, Record], None]") -> None:
        hello = Hello(name, SLOTS, _LIMIT_BYTES, {"yt-dlp": "2026.10.26"}, memory_processing=True, auto_cleanup=True)
        self.worker = Worker(hello, lease_ttl_s=LEASE_TTL_S, clock=plant.clock)
        self.stream = WorkStream(self.worker, plant.store, plant.fleet, plant.report, plant.workers_changed)
        self._plant = plant
        self._on_assign = on_assign
        self._run_count = 0
        self._said: worker_service_pb2.WorkerMessage | None = None
        """What is to be said, in one message."""
        self._answered: dict[int, Answered] = {}
        self._numbers = itertools.count(1)
        plant.fleet.connect(self.worker)

    async def hear_forever(self) -> None:
        """Take in what the queue tells, as bytes, until cancelled."""
        while (told := await self.worker.outgoing()) is not None:
            message = queue_message(told, lease_ttl_s=LEASE_TTL_S)
            assert message.SerializeToString()
            self._plant.count_message()
            with self._plant.loop.aside():
                self._hear(told.assigns, message)

    def _hear(self, assigns: Sequence[Record], message: worker_service_pb2.QueueMessage) -> None:
        for record in assigns:
            self._run_count += 1
            self._on_assign(self, record)
        if assigns:
            self.say_credits()
        for answer in message.answers:
            assert not answer.HasField("error"), answer.error
            self._answered.pop(answer.correlation_id)()

    def say_credits(self) -> None:
        """Say how much more it can take."""
        ready = self._saying().ready
        ready.free_slots = SLOTS - self._run_count
        ready.free_bytes = _LIMIT_BYTES - self._run_count * _PER_VIDEO_BYTES
        ready.memory.max_bytes = _LIMIT_BYTES
        ready.memory.max_per_video_bytes = _PER_VIDEO_BYTES
        ready.memory.current_bytes = self._run_count * _PER_VIDEO_BYTES
        ready.memory.active_allocations = self._run_count

    def beat(self, lease: worker_service_pb2.Lease, progress: job_pb2.Progress) -> None:
        """Say how far a run is."""
        self._saying().beats.add(lease=lease, progress=progress)

    def move(self, then: Answered, **kind: Any) -> None:
        """Ask for a move of a run, and go on once it is durable."""
        number = next(self._numbers)
        self._answered[number] = then
        self._saying().moves.add(correlation_id=number, **kind)

    def run_over(self) -> None:
        """Take in that a run is over."""
        self._run_count -= 1
        self.say_credits()

    def _saying(self) -> worker_service_pb2.WorkerMessage:
        if self._said is None:
            self._said = worker_service_pb2.WorkerMessage()
            self._plant.loop.call_soon(self._say)
        return self._said

    def _say(self) -> None:
        with self._plant.loop.aside():
            assert self._said is not None
            said, self._said = self._said.SerializeToString(), None
        self._plant.count_message()
        self.stream.take(worker_service_pb2.WorkerMessage.FromString(said))
