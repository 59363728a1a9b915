"""The real queue on a virtual clock: its store, its core and its edges, without the wire between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from services.chassis.collector import spare_what_stays
from services.chassis.lifecycle import background
from services.queue.adapters.backend import Rules, open_backend
from services.queue.adapters.group_commit import Engine
from services.queue.core.assigning import Assigner
from services.queue.core.calls import Call
from services.queue.core.dispatcher import Dispatcher
from services.queue.core.fleet import Fleet
from services.queue.core.hub import Hub
from services.queue.core.lease import Lease, Policy
from services.queue.core.ledger import Limits
from services.queue.core.maintenance import reap_forever
from services.queue.core.ports import Change, JobStore
from services.queue.core.retry import RetryPolicy
from services.queue.core.roll import Alone, Rollcall
from services.queue.core.runs import Progress
from services.queue.core.statistics import Statistics, Stats
from services.queue.watch import Watches
from services.queue.wire import encode_job
from tests.simulation.grpc_costs import Wire
from tests.simulation.virtual_time import LoopClock, VirtualLoop, running_loop

LEASE_TTL_S = 30.0
SPAWN_DELAY_S = 1.0
_EVENT_BATCH_S = 0.003
_REAP_EVERY_S = 5.0
_RETENTION_MS = 3_600_000
_STATS_EVERY_S = 30.0
_PLACE_EVERY_S = 0.1
"""As the queue's own defaults have it; `services/queue/service.py` puts the same parts together."""
MOST_WAITING = 10_000_000
"""MAX_QUEUE_SIZE: nobody is turned away here, so that every delay is seen."""


class Disk(NamedTuple):
    """How long a commit waits for the disk, during which the queue does other things."""

    commit_s: float
    call_s: float
    """More for each call in it."""

    def wait_s(self, call_count: int) -> float:
        """Return how long a commit of so many calls waits."""
        return self.commit_s + self.call_s * call_count


class Plant:
    """What there is of the queue, and its meters."""

    def __init__(self, loop: VirtualLoop, store: JobStore, wire: Wire) -> None:
        self.loop = loop
        self._wire = wire
        self.clock = LoopClock(loop)
        self.store = store
        self.hub: Hub[Stats] = Hub(self.clock, sequence=0, batch_s=_EVENT_BATCH_S)
        self.fleet = Fleet(self.clock, spawn_delay_s=SPAWN_DELAY_S)
        self.roll = Rollcall(self.fleet, Alone())
        self.statistics = Statistics(store, self.roll, self.clock, max_queue_size=MOST_WAITING)
        self.assigner = Assigner(store, self.fleet, self.hub)
        self.dispatcher = Dispatcher(self.fleet, self.assigner.begin, self.clock)
        self.watches = Watches(store, self.hub, self.statistics, self.clock, max_age_s=1e9)
        self.change_count = self.commit_count = self.report_count = 0

    def publish(self, changes: Sequence[Change]) -> None:
        """Hear of a commit, as all who listen to the store do."""
        self.commit_count += 1
        self.change_count += len(changes)
        self.hub.publish(changes)
        self.fleet.follow(changes)
        self.statistics.follow(changes)
        self.dispatcher.follow(changes)

    def report(self, lease: Lease, progress: Progress) -> None:
        """Take in how far a run is."""
        self.report_count += 1
        self.hub.report(lease, progress)

    def workers_changed(self) -> None:
        """Take in that workers or their credits have changed."""
        self.roll.wake()
        self.statistics.wake()
        self.dispatcher.wake()

    def count_message(self) -> None:
        """Take the time of a message of a stream that came or goes."""
        wake_us = self._wire.wake_us if self.loop.was_idle() else 0.0
        self.loop.spend((self._wire.message_us + wake_us) / 1e6)

    def count_call(self) -> None:
        """Take the time of a unary call."""
        self.loop.spend(self._wire.call_us / 1e6)


@asynccontextmanager
async def plant_in(url: str, disk: Disk, wire: Wire, limits: Limits) -> AsyncIterator[Plant]:
    """Run a queue whose jobs are kept at `url` for the length of the block, in the loop that runs.

    Args:
        url: ``sqlite:///`` and a path.
        disk: What a commit waits for.
        wire: What gRPC takes.
        limits: How many may wait and run.
    """
    loop = running_loop()
    listeners: list[Plant] = []

    def publish(changes: Sequence[Change]) -> None:
        for plant in listeners:
            plant.publish(changes)

    policy = Policy(round(LEASE_TTL_S * 1000), max_attempts=3, retry=RetryPolicy(chance=lambda: 0.5))
    rules = Rules(limits, policy, partial(encode_job, retention_ms=_RETENTION_MS))
    async with AsyncExitStack() as stack:
        clock = LoopClock(loop)
        backend = await stack.enter_async_context(open_backend(url, rules, clock=clock, publish=publish))
        _wait_for(disk, backend.store)
        plant = Plant(loop, backend.store, wire)
        listeners.append(plant)
        for name, work in (
            ("dispatch", plant.dispatcher.run()),
            ("reap", reap_forever(backend.store, clock, interval_s=_REAP_EVERY_S, on_reaped=plant.fleet.lose)),
            ("roll", plant.roll.look_forever(clock)),
            ("place", plant.hub.tell_place_forever(interval_s=_PLACE_EVERY_S)),
            ("stats", plant.statistics.push_forever(plant.hub.publish_stats, interval_s=_STATS_EVERY_S)),
        ):
            await stack.enter_async_context(background(work, name=name))
        with loop.aside():
            spare_what_stays()
        yield plant


class _Synced:
    """An engine whose transactions last until a disk has taken them."""

    def __init__(self, engine: Engine, disk: Disk) -> None:
        self._engine = engine
        self._disk = disk

    async def transact(self, calls: Sequence[Call[Any]]) -> tuple[Sequence[Any], Sequence[Change]]:
        """See `Engine`."""
        result = await self._engine.transact(calls)
        await asyncio.sleep(self._disk.wait_s(len(calls)))
        return result


def _wait_for(disk: Disk, store: Any) -> None:
    store._commits._engine = _Synced(store._commits._engine, disk)


def sqlite_url(folder: Path) -> str:
    """Return where a queue keeps its jobs in `folder`."""
    return f"sqlite:///{folder / 'queue.db'}"
