"""The real queue on a clock in hand: its store, its core and its edges, without the wire between."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from services.chassis.lifecycle import background
from services.queue.adapters.backend import Rules, open_backend
from services.queue.adapters.sqlite.engine import SqliteEngine
from services.queue.core.assigning import Assigner
from services.queue.core.dispatcher import Dispatcher
from services.queue.core.fleet import Fleet
from services.queue.core.hub import Hub
from services.queue.core.lease import Lease, Policy
from services.queue.core.ledger import Limits
from services.queue.core.placing import Offer
from services.queue.core.ports import Change, JobStore
from services.queue.core.retry import RetryPolicy
from services.queue.core.roll import Alone, Rollcall
from services.queue.core.runs import Progress
from services.queue.core.statistics import Statistics, Stats
from services.queue.watch import Watches
from services.queue.wire import encode_job
from tests.fakes.clock import FakeClock

T = TypeVar("T")

LEASE_TTL_S = 30.0
SPAWN_DELAY_S = 1.0
_RETENTION_MS = 3_600_000
_STATS_EVERY_S = 30.0
_PLACE_EVERY_S = 0.1
"""As the queue's own defaults have it; `services/queue/service.py` puts the same parts together."""
_CALIBRATIONS = 500
_MOST_WAITING = 10_000_000
"""MAX_QUEUE_SIZE: nobody is turned away here, so that every delay is seen."""


class Speaker(Protocol):
    """A worker that has something to say."""

    def flush(self) -> None:
        """Say it."""


class BusyStore:
    """A store that knows how many of its calls are under way."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._under_way = 0
        self.call_count = 0
        self.fell = asyncio.Event()

    @property
    def is_quiet(self) -> bool:
        """Whether no call is under way."""
        return not self._under_way

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, getattr(self._store, name))

    async def _call(self, method: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        self._under_way += 1
        self.call_count += 1
        try:
            return await method(*arguments, **named)
        finally:
            self._under_way -= 1
            self.fell.set()


class Plant:
    """What there is of the queue, and its meters."""

    def __init__(self, clock: FakeClock, store: BusyStore, hub: Hub[Stats]) -> None:
        self.clock = clock
        self.store = store
        self.hub = hub
        self.fleet = Fleet(clock, spawn_delay_s=SPAWN_DELAY_S)
        self.roll = Rollcall(self.fleet, Alone())
        self.statistics = Statistics(store, self.roll, clock, max_queue_size=_MOST_WAITING)
        self.assigner = Assigner(store, self.fleet, hub)
        self.dispatcher = Dispatcher(self.fleet, self._begin, clock)
        self.watches = Watches(store, hub, self.statistics, clock, max_age_s=1e9)
        self.change_count = self.commit_count = self.report_count = 0
        self.cpu_s = 0.0
        """Of the whole process, while the queue's own code ran."""
        self._idle_s = 0.0
        """Of a `settle` in which nothing is to be done: the simulation's own, and none of the queue's account."""
        self._is_beginning = False
        self._may_begin = False

    def publish(self, changes: Sequence[Change]) -> None:
        """Hear of a commit, as all who listen to the store do."""
        self.commit_count += 1
        self.change_count += len(changes)
        self.hub.publish(changes)
        self.fleet.follow(changes)
        self.statistics.follow(changes)
        self._may_begin = True

    def report(self, lease: Lease, progress: Progress) -> None:
        """Take in how far a run is."""
        self.report_count += 1
        self.hub.report(lease, progress)

    def workers_changed(self) -> None:
        """Take in that workers or their credits have changed."""
        self.roll.wake()
        self.statistics.wake()
        self._may_begin = True

    async def settle(self) -> None:
        """Return when the queue has done all that it can do at this moment; the time goes to its account."""
        before_s = time.process_time()
        while True:
            for _ in range(8):
                await asyncio.sleep(0)
            if self.store.is_quiet and not self._is_beginning and not self.dispatcher._woken.is_set():
                break
            if not self.store.is_quiet:
                self.store.fell.clear()
                await self.store.fell.wait()
        self.cpu_s += time.process_time() - before_s - self._idle_s

    async def calibrate(self) -> None:
        """Find out what the simulation's own waiting costs."""
        await self.settle()
        before_s = self.cpu_s
        for _ in range(_CALIBRATIONS):
            await self.settle()
        self._idle_s = (self.cpu_s - before_s) / _CALIBRATIONS

    async def accounted(self, call: Awaitable[T]) -> T:
        """Return the answer of a call; its time goes to the queue's account."""
        before_s = time.process_time()
        answer = await call
        self.cpu_s += time.process_time() - before_s
        await self.settle()
        return answer

    def take_in(self, speaking: Iterable[Speaker]) -> None:
        """Take in what workers say; its time goes to the queue's account."""
        before_s = time.process_time()
        for worker in speaking:
            worker.flush()
        self.cpu_s += time.process_time() - before_s

    async def hand_out(self) -> None:
        """Let the dispatcher look, if anything happened that it would have been woken for.

        It is held back until the calls of a moment are through, so that two simulations do the same.
        """
        while self._may_begin:
            self._may_begin = False
            self.dispatcher.wake()
            await self.settle()

    async def _begin(self, offers: Sequence[Offer]) -> float | None:
        self._is_beginning = True
        try:
            return await self.assigner.begin(offers)
        finally:
            self._is_beginning = False


@asynccontextmanager
async def plant_in(url: str, clock: FakeClock) -> AsyncIterator[Plant]:
    """Run a queue whose jobs are kept at `url` for the length of the block."""
    listeners: list[Plant] = []

    def publish(changes: Sequence[Change]) -> None:
        for plant in listeners:
            plant.publish(changes)

    policy = Policy(round(LEASE_TTL_S * 1000), max_attempts=3, retry=RetryPolicy(chance=lambda: 0.5))
    rules = Rules(Limits(_MOST_WAITING), policy, partial(encode_job, retention_ms=_RETENTION_MS))
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(open_backend(url, rules, clock=clock, publish=publish))
        # Every step of the clock is longer than EVENT_BATCH_MS, so nothing is gathered beyond a step.
        hub: Hub[Stats] = Hub(clock, sequence=0, batch_s=0.0)
        _write_at_once(backend.store)
        plant = Plant(clock, BusyStore(backend.store), hub)
        listeners.append(plant)
        for name, work in (
            ("dispatch", plant.dispatcher.run()),
            ("roll", plant.roll.look_forever(clock)),
            ("place", hub.tell_place_forever(interval_s=_PLACE_EVERY_S)),
            ("stats", plant.statistics.push_forever(hub.publish_stats, interval_s=_STATS_EVERY_S)),
        ):
            await stack.enter_async_context(background(work, name=name))
        await plant.calibrate()
        yield plant


class _AtOnce(Executor):
    """Does what it is given before it goes on: no time passes within a moment, and every run does the same."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - as a thread would hand it over
            done.set_exception(error)
        return done


def _write_at_once(store: Any) -> None:
    """Let the engine write in this thread, where it has one of its own; PostgreSQL needs none."""
    engine = store._commits._engine
    if isinstance(engine, SqliteEngine):
        engine._thread.shutdown()
        engine._thread = cast("ThreadPoolExecutor", _AtOnce())


def sqlite_url(folder: Path) -> str:
    """Return where a queue keeps its jobs in `folder`."""
    return f"sqlite:///{folder / 'queue.db'}"
