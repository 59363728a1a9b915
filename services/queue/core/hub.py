"""What happens now, to whoever watches: durable events from a shared ring, the newest progress of each run, stats.

A watcher points at the events of the ring that it wants and has not read, and at the runs with news. Nothing is copied
for it, and what others look at costs it nothing. Events are never dropped: a watcher is ended when one of its events
leaves the ring unread, and resumes from its cursor. Of progress and stats the latest wins.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

from services.chassis.clock import Clock
from services.queue.core.audience import Audience
from services.queue.core.job import Job
from services.queue.core.lease import Lease
from services.queue.core.ports import Change, Event
from services.queue.core.ring import Ring, fell_off
from services.queue.core.runs import Progress, Run, Runs

S = TypeVar("S")


class Filter(NamedTuple):
    """What a watcher wants."""

    owners: frozenset[str] | None = None
    """None: everybody's jobs."""
    job_ids: frozenset[str] = frozenset()
    """Empty: all jobs of those owners."""
    progress: bool = False
    stats: bool = False

    def wants(self, job_id: str, owner: str) -> bool:
        """Return whether the job is looked at."""
        if self.owners is not None and owner not in self.owners:
            return False
        return not self.job_ids or job_id in self.job_ids


class Batch(NamedTuple, Generic[S]):
    """What a watcher learns at once, in this order."""

    events: Sequence[Event]
    runs: Sequence[Run]
    """With news of their progress."""
    stats: S | None
    sequence: int
    """Everything up to here has been delivered."""


class Watcher(Generic[S]):
    """One reader of the hub. Made by `Hub.watch`."""

    def __init__(self, hub: "Hub[S]", wanted: Filter, sequence: int) -> None:
        self._hub = hub
        self._wanted = wanted
        self._events = deque(event for event in hub.after(sequence) if wanted.wants(event.job_id, event.owner))
        self._is_late = False
        self._news = self._seen_runs()
        self._stats: S | None = None
        self._read_at_s = float("-inf")
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self.sequence = sequence
        self._some.set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear of events and progress for the length of the block."""
        self._hub.audience.join(self, self._wanted.owners)
        try:
            yield
        finally:
            self._hub.audience.leave(self, self._wanted.owners)

    def replace(self, wanted: Filter) -> None:
        """Look at something else from now on."""
        self._hub.audience.leave(self, self._wanted.owners)
        self._wanted = wanted
        self._hub.audience.join(self, wanted.owners)
        self._events = deque(event for event in self._events if wanted.wants(event.job_id, event.owner))
        self._news = self._seen_runs()
        self._some.set()

    async def batch(self, *, idle_s: float) -> Batch[S]:
        """Wait for news, at most `idle_s` seconds, and return them; the batch is empty when there were none.

        The first news of a quiet time come at once; later ones are gathered for `Hub.batch_s` seconds or 32 events.

        Raises:
            ClipferryError: SLOW_CONSUMER when the ring has moved on past the watcher.
        """
        await _wait(self._some, idle_s)
        pause_s = self._read_at_s + self._hub.batch_s - self._hub.clock.monotonic_s()
        if pause_s > 0 and self._some.is_set():
            await _wait(self._many, pause_s)
        self._read_at_s = self._hub.clock.monotonic_s()
        return self._take()

    def hear(self, event: Event) -> None:
        """Learn of an event of an owner whose jobs it looks at."""
        if self._is_late or not self._wanted.wants(event.job_id, event.owner):
            return
        self._events.append(event)
        self._wake()
        if self._events[0].sequence <= self._hub.first_cursor:
            self.fall_off()

    def hear_progress(self, event: Event) -> None:
        """Learn that there is progress of the run that `event` is the newest of."""
        if self._sees(event):
            self._news.add(event.job_id)
            self._some.set()

    def hear_place(self) -> None:
        """Learn that the log has moved on, whether by what it looks at or not."""
        if self.sequence < self._hub.last_sequence:
            self._some.set()

    def fall_off(self) -> None:
        """Learn that it has missed something."""
        self._is_late = True
        self._events.clear()
        self._some.set()

    def hear_stats(self, stats: S) -> None:
        """Learn that there are new stats."""
        if self._wanted.stats:
            self._stats = stats
            self._some.set()

    def end(self) -> None:
        """Return from `batch` at once."""
        self._some.set()
        self._many.set()

    def _seen_runs(self) -> set[str]:
        return {run.change.job_id for run in self._hub.runs if self._sees(run.change.event)}

    def _sees(self, event: Event) -> bool:
        return self._wanted.progress and self._wanted.wants(event.job_id, event.owner)

    def _wake(self) -> None:
        self._some.set()
        if len(self._events) >= self._hub.batch_count:
            self._many.set()

    def _take(self) -> Batch[S]:
        if self._is_late:
            raise fell_off(self.sequence)
        if not self._hub.closed:
            self._some.clear()
            self._many.clear()
        events = [self._events.popleft() for _ in range(min(len(self._events), self._hub.most_count))]
        if self._events:
            self.sequence = events[-1].sequence
            self._wake()
        else:
            self.sequence = self._hub.last_sequence
        runs = [run for job_id in self._news if (run := self._hub.run(job_id)) is not None]
        self._news.clear()
        stats, self._stats = self._stats, None
        return Batch(events, runs, stats, self.sequence)


class Hub(Generic[S]):
    """Spreads what happens.

    Args:
        clock: Tells how long ago a watcher was served.
        sequence: Of the newest event so far.
        batch_s: Least time between two batches of one watcher, unless they are full.
        batch_count: Events that make a batch full.
        ring_count: Events that are kept for watchers.
        most_count: Most events of one batch.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        sequence: int,
        batch_s: float,
        batch_count: int = 32,
        ring_count: int = 10_000,
        most_count: int = 256,
    ) -> None:
        self.clock = clock
        self.batch_s = batch_s
        self.batch_count = batch_count
        self.most_count = most_count
        self.closed = False
        self.audience: Audience[Watcher[S]] = Audience()
        self._ring = Ring(sequence=sequence, count=ring_count)
        self._runs = Runs()
        self._watchers: set[Watcher[S]] = set()
        self._moved = asyncio.Event()

    @property
    def runs(self) -> Iterable[Run]:
        """Every active run."""
        return self._runs.all

    @property
    def first_cursor(self) -> int:
        """The oldest cursor that can be served."""
        return self._ring.first_cursor

    @property
    def last_sequence(self) -> int:
        """Of the newest event."""
        return self._ring.last_sequence

    def run(self, job_id: str) -> Run | None:
        """Return what is known of an active job."""
        return self._runs.of(job_id)

    def restore(self, jobs: Iterable[Job]) -> None:
        """Take in the runs that go on after a start."""
        self._runs.restore(jobs, sequence=self.last_sequence, now_ms=self.clock.time_ms())

    def publish(self, changes: Sequence[Change]) -> None:
        """Spread durable changes. A new run begins at 0 percent."""
        if not self._ring.add([change.event for change in changes]):
            for watcher in self._watchers:
                watcher.fall_off()  # it has missed something, and comes back with its cursor
        for change in changes:
            begins = self._runs.follow(change)
            for watcher in self.audience.of(change.event.owner):
                watcher.hear(change.event)
                if begins:
                    watcher.hear_progress(change.event)
        self._moved.set()

    def report(self, lease: Lease, progress: Progress) -> bool:
        """Spread how far a run is, unless it is not the present run or has been further already.

        Returns:
            Whether it was news.
        """
        run = self._runs.report(lease, progress)
        if run is None:
            return False
        for watcher in self.audience.of(run.change.event.owner):
            watcher.hear_progress(run.change.event)
        return True

    def publish_stats(self, stats: S) -> None:
        """Spread the queue's numbers."""
        for watcher in self._watchers:
            watcher.hear_stats(stats)

    async def tell_place_forever(self, *, interval_s: float) -> None:
        """Let all watchers know that the log has moved on, at most every `interval_s` seconds, until cancelled."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            for watcher in self._watchers:
                watcher.hear_place()
            await self.clock.sleep(interval_s)

    @contextmanager
    def watch(self, wanted: Filter, *, after: int) -> Iterator[Watcher[S]]:
        """Watch for the length of the block, from the event after `after`.

        Raises:
            ClipferryError: SLOW_CONSUMER when the ring does not hold that event any more.
        """
        watcher = Watcher(self, wanted, after)
        self._watchers.add(watcher)
        try:
            with watcher.listening():
                yield watcher
        finally:
            self._watchers.discard(watcher)

    def after(self, sequence: int) -> Sequence[Event]:
        """Return the events after `sequence`. See `Ring.after`."""
        return self._ring.after(sequence)

    def close(self) -> None:
        """End every watch."""
        self.closed = True
        for watcher in self._watchers:
            watcher.end()


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    if event.is_set():
        return
    try:
        async with asyncio.timeout(at_most_s):
            await event.wait()
    except TimeoutError:
        return
