"""A stretch of time: people submit, processors work, gateways listen; the queue between them is the real one."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from services.chassis.lifecycle import background
from services.queue.core.ports import Accepted, Record
from services.queue.submitting import submit
from tests.fakes.clock import FakeClock
from tests.simulation.demand import Turns, Video, video
from tests.simulation.plant import Plant, plant_in
from tests.simulation.processor import Processor

STEP_S = 0.005
"""What happens within such a time is one commit: about as long as a commit with its sync takes."""
REPORT_EVERY_S = 1.0
"""Between two reports of a run. PROGRESS_INTERVAL_MS allows ten a second: see `Outcome.reports_per_s`."""
REPORTS_LEFT_OUT = 10
"""So many reports of a real processor are one here."""
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
    run_count: int = 0
    ended_count: int = 0
    """Runs."""


class World:
    """Time, and what is to happen in it.

    Args:
        plant: The queue.
        turns: Of Telegram.
        draw: Chance.
        in_order: Whether all jobs are submitted in one name: a queue without fairness.
    """

    def __init__(self, plant: Plant, turns: Turns, draw: random.Random, *, in_order: bool = False) -> None:
        self.plant = plant
        self.told = Told()
        self._turns = turns
        self._draw = draw
        self._in_order = in_order
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._asked: list[tuple[str, float]] = []
        self._speaking: dict[Processor, None] = {}
        self._owners: dict[str, str] = {}
        """Who asked for a job."""
        self._waiting: dict[str, tuple[str, float]] = {}
        """Of the jobs that have had no run: who asked, and when."""

    @property
    def now_s(self) -> float:
        """The time."""
        return self.plant.clock.monotonic_s()

    def at(self, when_s: float, happens: Callable[[], None]) -> None:
        """Put something on the agenda."""
        heapq.heappush(self._agenda, (when_s, next(self._numbers), happens))

    def submit_at(self, when_s: float, owner: str) -> None:
        """Let `owner` submit a job at a time."""
        self.at(when_s, lambda: self._asked.append((owner, when_s)))

    def waiting(self) -> list[tuple[str, float]]:
        """Return who waits for a first run, and since when."""
        return list(self._waiting.values())

    async def run_until(self, end_s: float) -> None:
        """Let time pass, a step wherever something is to happen."""
        clock = self.plant.clock
        while (next_s := self._next_s()) < end_s:
            clock.advance(max(next_s + STEP_S - self.now_s, 0.0))
            await self.plant.settle()
            while self._agenda and self._agenda[0][0] <= self.now_s:
                heapq.heappop(self._agenda)[2]()
            await self._submit()
            await self._speak()
        clock.advance(max(end_s - self.now_s, 0.0))
        await self.plant.settle()

    def _next_s(self) -> float:
        sleepers = self.plant.clock._sleepers
        agenda_s = self._agenda[0][0] if self._agenda else float("inf")
        return min(agenda_s, sleepers[0][0] if sleepers else float("inf"))

    async def _submit(self) -> None:
        asked, self._asked = self._asked, []
        if not asked:
            return
        requests = [
            queue_service_pb2.SubmitJobRequest(
                owner="everybody" if self._in_order else owner,
                spec=job_pb2.JobSpec(url=f"https://video.example/{next(self._numbers)}"),
            )
            for owner, _ in asked
        ]
        results = await self.plant.accounted(submit(self.plant.store, requests, run_timeout_ms=_RUN_TIMEOUT_MS))
        for result, (owner, asked_s) in zip(results, asked, strict=True):
            assert isinstance(result, Accepted), result
            self._owners[result.record.job.id] = owner
            self._waiting[result.record.job.id] = owner, asked_s
        self.told.submitted_count += len(asked)

    async def _speak(self) -> None:
        """Let processors say what they have to say, hand out work, and so on until all is said."""
        while True:
            speaking, self._speaking = self._speaking, {}
            self.plant.take_in(speaking)
            await self.plant.settle()
            await self.plant.hand_out()
            if not self._speaking:
                return

    def started(self, processor: Processor, record: Record) -> None:
        """Take in that `processor` was given a run."""
        owner = self._owners[record.job.id]
        self.told.run_count += 1
        if record.job.id in self._waiting:
            _, asked_s = self._waiting.pop(record.job.id)
            self.told.waits.append(Wait(owner, asked_s, self.now_s - asked_s))
        self.spoke(processor)
        _Life(self, processor, record, owner, video(self._draw)).begin()

    def spoke(self, processor: Processor) -> None:
        """Take in that `processor` has something to say."""
        self._speaking[processor] = None

    def turn_s(self, owner: str) -> float:
        """Return when a message to `owner` may leave."""
        return self._turns.take(owner, self.now_s)


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
        self._world.spoke(self._processor)
        self._world.at(self._world.now_s + REPORT_EVERY_S, self._report)

    def _downloaded(self) -> None:
        if self._work.fails:
            error = job_pb2.JobError(reason="DOWNLOAD_FAILED", message="The site broke off.", retryable=True)
            self._ask(self._over, fail_job=worker_service_pb2.FailJobRequest(lease=self._lease, error=error))
            return
        begin = worker_service_pb2.BeginSendRequest(lease=self._lease, size_bytes=self._work.size_bytes)
        self._ask(self._may_send, begin_send=begin)

    def _may_send(self) -> None:
        self._world.at(self._world.turn_s(self._owner) + self._work.upload_s, self._uploaded)

    def _uploaded(self) -> None:
        self._ask(self._committed, commit_send=worker_service_pb2.CommitSendRequest(lease=self._lease))

    def _committed(self) -> None:
        self._world.at(self._world.now_s + self._work.answer_s, self._arrived)

    def _arrived(self) -> None:
        delivery = job_pb2.Delivery(chat_id=1, message_id=1, size_bytes=self._work.size_bytes)
        complete = worker_service_pb2.CompleteJobRequest(lease=self._lease, delivery=delivery)
        self._ask(self._completed, complete_job=complete)

    def _completed(self) -> None:
        self._world.told.served[self._owner] += 1
        self._over()

    def _over(self) -> None:
        self._is_over = True
        self._world.told.ended_count += 1
        self._processor.run_over()
        self._world.spoke(self._processor)

    def _ask(self, then: Callable[[], None], **kind: object) -> None:
        self._processor.move(then, **kind)
        self._world.spoke(self._processor)


@asynccontextmanager
async def world_in(
    url: str, *, processor_count: int, turns_per_s: float, seed: int, in_order: bool = False
) -> AsyncIterator[World]:
    """Make a world with a queue at `url` and processors that wait for work, for the length of the block."""
    async with AsyncExitStack() as stack:
        plant = await stack.enter_async_context(plant_in(url, FakeClock()))
        world = World(plant, Turns(turns_per_s), random.Random(seed), in_order=in_order)
        processors = [Processor(f"processor-{n}", plant, world.started) for n in range(processor_count)]
        for processor in processors:
            await stack.enter_async_context(background(processor.stream.act(), name="work-act"))
            await stack.enter_async_context(background(processor.hear_forever(), name="work-tell"))
        await _connect(world, processors)
        yield world


async def _connect(world: World, processors: Iterable[Processor]) -> None:
    for processor in processors:
        processor.say_credits()
        world.spoke(processor)
    await world._speak()
