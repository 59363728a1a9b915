"""A stretch of time: people submit, processors work, gateways listen; the queue between them is the real one."""

import asyncio
import itertools
import random
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.lifecycle import background
from services.queue.core.ledger import Limits
from services.queue.core.ports import Accepted, Record
from services.queue.submitting import submit
from tests.simulation.demand import Turns, Video, video
from tests.simulation.grpc_costs import Wire
from tests.simulation.plant import MOST_WAITING, Disk, Plant, plant_in
from tests.simulation.processor import Processor

_RUN_TIMEOUT_MS = 600_000


class Wait(NamedTuple):
    """How long a job waited for its first run."""

    owner: str
    submitted_s: float
    waited_s: float


@dataclass
class Told:
    """What people notice."""

    waits: list[Wait] = field(default_factory=list)
    served: Counter[str] = field(default_factory=Counter)
    """Jobs completed, by owner."""
    submitted_count: int = 0
    """Accepted and not yet accepted."""
    run_count: int = 0
    ended_count: int = 0
    """Runs."""


class World:
    """Who asks, and what they are told.

    Args:
        plant: The queue.
        turns: Of Telegram.
        draw: Chance.
        report_every_s: Between two reports of a run.
        gateway_count: Through how many gateways jobs are submitted.
        in_order: Whether all jobs are submitted in one name: a queue without fairness.
    """

    def __init__(
        self,
        plant: Plant,
        turns: Turns,
        draw: random.Random,
        *,
        report_every_s: float,
        gateway_count: int,
        in_order: bool,
    ) -> None:
        self.plant = plant
        self.told = Told()
        self.report_every_s = report_every_s
        self.doors = [_Door(self, in_order=in_order) for _ in range(gateway_count)]
        self._turns = turns
        self._draw = draw
        self._owners: dict[str, str] = {}
        """Who asked for a job."""
        self._waiting: dict[str, tuple[str, float]] = {}
        """Of the jobs that have had no run: who asked, and when."""
        self._is_over = False

    @property
    def now_s(self) -> float:
        """The time."""
        return self.plant.loop.time()

    def at(self, when_s: float, happens: Callable[[], None]) -> None:
        """Let something happen at a time, or as soon as the queue lets it."""
        self.plant.loop.call_at(when_s, self._happen, happens)

    def submit_at(self, when_s: float, owner: str) -> None:
        """Let `owner` submit a job at a time."""
        door = self.doors[zlib.crc32(owner.encode()) % len(self.doors)]
        self.at(when_s, lambda: door.ask(owner, when_s))

    def waiting(self) -> list[tuple[str, float]]:
        """Return who waits for a first run, and since when."""
        return [*self._waiting.values(), *(asked for door in self.doors for asked in door.asked)]

    async def run_until(self, end_s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(end_s - self.now_s)

    def accepted(self, job_id: str, owner: str, asked_s: float) -> None:
        """Take in that a job is kept."""
        self._owners[job_id] = owner
        self._waiting[job_id] = owner, asked_s

    def started(self, processor: Processor, record: Record) -> None:
        """Take in that `processor` was given a run."""
        owner = self._owners[record.job.id]
        self.told.run_count += 1
        if record.job.id in self._waiting:
            _, asked_s = self._waiting.pop(record.job.id)
            self.told.waits.append(Wait(owner, asked_s, self.now_s - asked_s))
        _Life(self, processor, record, owner, video(self._draw)).begin()

    def turn_s(self, owner: str) -> float:
        """Return when a message to `owner` may leave."""
        return self._turns.take(owner, self.now_s)

    def end(self) -> None:
        """Let nothing happen any more."""
        self._is_over = True

    def _happen(self, happens: Callable[[], None]) -> None:
        if not self._is_over:
            with self.plant.loop.aside():
                happens()


class _Door:
    """Submits what comes in at one gateway: what is asked for during a call goes with the next."""

    _numbers = itertools.count()

    def __init__(self, world: World, *, in_order: bool) -> None:
        self.asked: list[tuple[str, float]] = []
        self._world = world
        self._in_order = in_order
        self._some = asyncio.Event()

    def ask(self, owner: str, asked_s: float) -> None:
        """Take in that `owner` wants a job."""
        self.asked.append((owner, asked_s))
        self._world.told.submitted_count += 1
        self._some.set()

    async def submit_forever(self) -> None:
        """Submit until cancelled."""
        plant = self._world.plant
        while True:
            await self._some.wait()
            self._some.clear()
            asked = self.asked[:]
            with plant.loop.aside():
                requests = [self._request(owner) for owner, _ in asked]
            plant.count_call()
            results = await submit(plant.store, requests, run_timeout_ms=_RUN_TIMEOUT_MS)
            with plant.loop.aside():
                del self.asked[: len(asked)]
                for result, (owner, asked_s) in zip(results, asked, strict=True):
                    assert isinstance(result, Accepted), result
                    self._world.accepted(result.record.job.id, owner, asked_s)

    def _request(self, owner: str) -> queue_service_pb2.SubmitJobRequest:
        return queue_service_pb2.SubmitJobRequest(
            owner="everybody" if self._in_order else owner,
            spec=job_pb2.JobSpec(url=f"https://video.example/{next(self._numbers)}"),
        )


class _Life:
    """One run of one job."""

    def __init__(self, world: World, processor: Processor, record: Record, owner: str, work: Video) -> None:
        self._world = world
        self._processor = processor
        self._owner = owner
        self._work = work
        self._lease = worker_service_pb2.Lease(job_name=record.job.name, token=record.job.token)
        self._began_s = world.now_s
        self._is_over = False

    def begin(self) -> None:
        self._world.at(self._began_s + self._work.download_s, self._downloaded)
        self._report()

    def _report(self) -> None:
        if self._is_over:
            return
        went_s = self._world.now_s - self._began_s
        percent = 99 * went_s / (went_s + self._work.slot_s)
        progress = job_pb2.Progress(
            stage=job_pb2.STAGE_DOWNLOADING,
            percent=percent,
            done_bytes=round(self._work.size_bytes * percent / 100),
            total_bytes=self._work.size_bytes,
            message="Downloading…",
        )
        self._processor.beat(self._lease, progress)
        self._world.at(self._world.now_s + self._world.report_every_s, self._report)

    def _downloaded(self) -> None:
        if self._work.fails:
            error = job_pb2.JobError(reason="DOWNLOAD_FAILED", message="The site broke off.", retryable=True)
            self._processor.move(self._over, fail_job=worker_service_pb2.FailJobRequest(lease=self._lease, error=error))
            return
        begin = worker_service_pb2.BeginSendRequest(lease=self._lease, size_bytes=self._work.size_bytes)
        self._processor.move(self._may_send, begin_send=begin)

    def _may_send(self) -> None:
        self._world.at(self._world.turn_s(self._owner) + self._work.upload_s, self._uploaded)

    def _uploaded(self) -> None:
        self._processor.move(self._committed, commit_send=worker_service_pb2.CommitSendRequest(lease=self._lease))

    def _committed(self) -> None:
        self._world.at(self._world.now_s + self._work.answer_s, self._arrived)

    def _arrived(self) -> None:
        delivery = job_pb2.Delivery(chat_id=1, message_id=1, size_bytes=self._work.size_bytes)
        complete = worker_service_pb2.CompleteJobRequest(lease=self._lease, delivery=delivery)
        self._processor.move(self._completed, complete_job=complete)

    def _completed(self) -> None:
        self._world.told.served[self._owner] += 1
        self._over()

    def _over(self) -> None:
        self._is_over = True
        self._world.told.ended_count += 1
        self._processor.run_over()


@asynccontextmanager
async def world_in(
    url: str,
    *,
    disk: Disk,
    wire: Wire,
    processor_count: int,
    gateway_count: int,
    turns_per_s: float,
    report_every_s: float,
    seed: int,
    in_order: bool = False,
    most_running_each: int = 0,
) -> AsyncIterator[World]:
    """Make a world with a queue at `url` and processors that wait for work, for the length of the block.

    Args:
        most_running_each: MAX_PER_OWNER_RUNNING.
    """
    async with AsyncExitStack() as stack:
        limits = Limits(MOST_WAITING, max_running_per_owner=most_running_each)
        plant = await stack.enter_async_context(plant_in(url, disk, wire, limits))
        world = World(
            plant,
            Turns(turns_per_s),
            random.Random(seed),
            report_every_s=report_every_s,
            gateway_count=gateway_count,
            in_order=in_order,
        )
        for door in world.doors:
            await stack.enter_async_context(background(door.submit_forever(), name="submit"))
        for number in range(processor_count):
            processor = Processor(f"processor-{number}", plant, world.started)
            await stack.enter_async_context(background(processor.stream.act(), name="work-act"))
            await stack.enter_async_context(background(processor.hear_forever(), name="work-tell"))
            processor.say_credits()
        try:
            yield world
        finally:
            world.end()
