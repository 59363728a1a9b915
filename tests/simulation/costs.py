"""What one of each costs on this machine: CPU time, and for a commit the time that the disk takes."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, closing
from statistics import median
from typing import NamedTuple

from clipferry.queue.v1 import job_pb2, queue_service_pb2, worker_service_pb2
from gateway.config import GatewaySettings
from gateway.live.hub import Hub
from gateway.live.places import live_places
from gateway.live.publisher import Publisher
from gateway.live.told import live_terms
from services.queue.core.job import Job, State
from services.queue.core.lease import Lease
from services.queue.core.ledger import Limits
from services.queue.core.ports import Event, Record, change_of
from services.queue.core.runs import Progress
from services.queue.wire import encode_job
from tests.bench.disk import on_disk
from tests.fakes.queue_jobs import job, submission
from tests.simulation.gateways import OPENED_S, watching
from tests.simulation.grpc_costs import Wire
from tests.simulation.plant import MOST_WAITING, Disk, Plant, plant_in, sqlite_url
from tests.simulation.processor import Processor
from tests.simulation.virtual_time import LoopClock, running_loop

WATCHERS = (1, 10, 100)
OWNERS_EACH = 100
_EVENT_COUNT = 1_000
_WHOLE_COMMIT = 256
"""Calls of the largest commit."""


class HubCost(NamedTuple):
    """What an event and a report cost the queue, by the number of gateways that watch."""

    watchers: int
    unwatched_event_us: float
    watched_event_us: float
    unwatched_report_us: float
    watched_report_us: float


class Costs(NamedTuple):
    """All of them."""

    commit_of_one_ms: float
    """With its sync to the disk."""
    waited_for_one_ms: float
    """Of it what was not CPU time."""
    commit_of_many_ms: float
    """The same with 256 submissions."""
    waited_for_many_ms: float
    report_us: float
    """A processor's message with one report, without gRPC, with nobody who watches."""
    gateway_event_us: float
    """An event that nobody at the gateway listens to."""
    gateway_progress_us: float
    """The same of progress."""
    opening_us: Sequence[tuple[int, float]]
    """Of a watch, by the number of owners it names."""
    hub: Sequence[HubCost]
    wire: Wire

    @property
    def disk(self) -> Disk:
        """What a commit of any number of calls waits for: by the line through both."""
        call_ms = max(0.0, self.waited_for_many_ms - self.waited_for_one_ms) / (_WHOLE_COMMIT - 1)
        return Disk(max(0.0, self.waited_for_one_ms - call_ms) / 1000, call_ms / 1000)

    @property
    def most_changes_per_s(self) -> float:
        """Changes that the disk can keep in a second, with every commit as full as it gets."""
        return _WHOLE_COMMIT / self.disk.wait_s(_WHOLE_COMMIT)


async def measured_costs(wire: Wire) -> Costs:
    """Measure all but `wire`."""
    with on_disk() as (folder, _):
        async with _plant_in(sqlite_url(folder)) as plant:
            one, many = await _commit_ms(plant, 1), await _commit_ms(plant, _WHOLE_COMMIT)
            report_us = await _report_us(plant)
            opening_us = [(count, await _opening_us(plant, count)) for count in (100, 1_000, 10_000)]
        hub = []
        for count in WATCHERS:
            async with _plant_in(f"sqlite:///{folder}/hub-{count}.db") as plant:
                hub.append(await _hub_cost(plant, count))
    return Costs(*one, *many, report_us, *_gateway_us(), opening_us, hub, wire)


def _plant_in(url: str) -> AbstractAsyncContextManager[Plant]:
    """Run a queue whose disk is the real one, and whose messages are free."""
    return plant_in(url, Disk(0, 0), Wire(0, 0, 0), Limits(MOST_WAITING))


async def _commit_ms(plant: Plant, count: int) -> tuple[float, float]:
    """Return how long a commit of `count` calls takes on the wall's clock, and how much of it was waiting.

    Medians of 15.
    """
    taken_s, waited_s = [], []
    for _ in range(15):
        began_at_s, cpu_s = time.perf_counter(), time.process_time()
        await asyncio.gather(*(plant.store.submit([submission()]) for _ in range(count)))
        taken_s.append(time.perf_counter() - began_at_s)
        waited_s.append(taken_s[-1] - (time.process_time() - cpu_s))
    return median(taken_s) * 1000, median(waited_s) * 1000


async def _report_us(plant: Plant) -> float:
    processor = Processor("reports", plant, lambda _processor, _record: None)
    run = job(State.PROCESSING, worker_id="reports")
    _publish(plant, [run])
    lease = worker_service_pb2.Lease(job_name=run.name, token=run.token)
    beats = [
        worker_service_pb2.Beat(
            lease=lease, progress=job_pb2.Progress(stage=job_pb2.STAGE_DOWNLOADING, percent=n / 100)
        )
        for n in range(_EVENT_COUNT)
    ]
    messages = [worker_service_pb2.WorkerMessage(beats=[beat]).SerializeToString() for beat in beats]
    processor.worker.assign(Record(run, b""))  # its lease is fresh: nothing is written for it
    before_s = time.process_time()
    for message in messages:
        processor.stream.take(worker_service_pb2.WorkerMessage.FromString(message))
    assert plant.report_count == _EVENT_COUNT
    cost_us = (time.process_time() - before_s) / _EVENT_COUNT * 1e6
    plant.fleet.disconnect(processor.worker)
    return cost_us


async def _opening_us(plant: Plant, owner_count: int) -> float:
    owners = [f"user-{number}" for number in range(owner_count)]
    before_s = time.process_time()
    for _ in range(10):
        async with watching(plant, [owners]):
            pass
    return (time.process_time() - before_s) / 10 * 1e6


async def _hub_cost(plant: Plant, watchers: int) -> HubCost:
    audiences = [[f"g{gateway}-{n}" for n in range(OWNERS_EACH)] for gateway in range(watchers)]
    async with watching(plant, audiences):
        costs = {
            (kind, is_watched): await _spread_us(plant, kind, is_watched=is_watched, watchers=watchers)
            for kind in ("event", "report")
            for is_watched in (False, True)
        }
    return HubCost(
        watchers,
        unwatched_event_us=costs["event", False],
        watched_event_us=costs["event", True],
        unwatched_report_us=costs["report", False],
        watched_report_us=costs["report", True],
    )


async def _spread_us(plant: Plant, kind: str, *, is_watched: bool, watchers: int) -> float:
    """Return the CPU time of one event or report, what is written to the gateway included."""
    names = itertools.cycle(f"g{n % watchers}-{n % OWNERS_EACH}" if is_watched else f"x-{n}" for n in range(1_000))
    runs = [job(State.PROCESSING, owner=next(names), attempt=1) for _ in range(200)]
    _publish(plant, runs)
    await asyncio.sleep(OPENED_S)
    before_s = time.process_time()
    for number in range(_EVENT_COUNT):
        run = runs[number % len(runs)]
        if kind == "event":
            _publish(plant, [run._replace(version=number + 2)])
        else:
            plant.hub.report(Lease(run.id, run.token), Progress(2, number / _EVENT_COUNT, number))
        await asyncio.sleep(0.001)
    cost_us = (time.process_time() - before_s) / _EVENT_COUNT * 1e6
    _publish(plant, [run._replace(state=State.COMPLETED) for run in runs])
    await asyncio.sleep(OPENED_S)
    return cost_us


def _publish(plant: Plant, jobs: Sequence[Job]) -> None:
    first = plant.hub.last_sequence + 1
    plant.hub.publish(
        [
            change_of(each, Event(first + number, 0, each.id, each.owner, encode_job(each, retention_ms=0)))
            for number, each in enumerate(jobs)
        ]
    )


def _gateway_us() -> tuple[float, float]:
    """Return the CPU time of an event and of progress that nobody at a gateway listens to."""
    clock = LoopClock(running_loop())
    terms = live_terms(GatewaySettings())
    runs = [job(State.PROCESSING, owner="somebody") for _ in range(_EVENT_COUNT)]
    events, progress = [], []
    for number, run in enumerate(runs):
        event, item = queue_service_pb2.WatchItem(), queue_service_pb2.WatchItem()
        event.event.sequence = number + 1
        event.event.job.MergeFromString(encode_job(run, retention_ms=0))
        item.progress.name, item.progress.owner = run.name, run.owner
        item.progress.attempt, item.progress.version = run.attempt, run.version
        item.progress.progress.percent = 50
        events.append(event)
        progress.append(item)
    messages = [queue_service_pb2.WatchJobsResponse(items=items).SerializeToString() for items in (events, progress)]
    with closing(Publisher(Hub(terms, live_places(terms, clock).users), clock)) as publisher:
        began_at_s = time.process_time()
        for item in queue_service_pb2.WatchJobsResponse.FromString(messages[0]).items:
            publisher.change(item.event.job, item.event.sequence)
        between_s = time.process_time()
        for item in queue_service_pb2.WatchJobsResponse.FromString(messages[1]).items:
            publisher.progress(item.progress)
        ended_at_s = time.process_time()
    return (between_s - began_at_s) / _EVENT_COUNT * 1e6, (ended_at_s - between_s) / _EVENT_COUNT * 1e6
