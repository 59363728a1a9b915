"""What happens now, to whoever watches: durable events from a shared ring, the newest progress of each run, stats.

A watcher is a place in the ring and a set of runs with news; nothing is copied for it. Events are never dropped: a
watcher that falls off the ring is ended and resumes from its cursor. Of progress and stats the latest wins.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import ACTIVE, Job
from services.queue.core.lease import Lease
from services.queue.core.ports import Change, Event, change_of

S = TypeVar("S")


class Progress(NamedTuple):
    """How far a run is."""

    stage: int
    """Number of the wire's Stage."""
    percent: float
    """Whole run, 0 to 100."""
    observed_ms: int
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: int = 0
    message: str = ""


@dataclass(slots=True)
class Run:
    """What the hub knows of an active job."""

    change: Change
    """The newest of its job."""
    progress: Progress


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
        self._news: set[str] = set()
        self._stats: S | None = None
        self._read_at_s = float("-inf")
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self.sequence = sequence
        self.replace(wanted)

    def replace(self, wanted: Filter) -> None:
        """Look at something else from now on."""
        self._wanted = wanted
        self._news = {run.change.job_id for run in self._hub.runs if self._sees(run.change.event)}
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

    def hear(self, changes: Iterable[Change]) -> None:
        """Learn that there is progress of the runs that the `changes` are the newest of."""
        for change in changes:
            if self._sees(change.event):
                self._news.add(change.job_id)
                self._some.set()

    def hear_stats(self, stats: S) -> None:
        """Learn that there are new stats."""
        if self._wanted.stats:
            self._stats = stats
            self._some.set()

    def wake(self, last_sequence: int) -> None:
        """Learn that there are events up to `last_sequence`."""
        self._some.set()
        if last_sequence - self.sequence >= self._hub.batch_count:
            self._many.set()

    def end(self) -> None:
        """Return from `batch` at once."""
        self._some.set()
        self._many.set()

    def _sees(self, event: Event) -> bool:
        return self._wanted.progress and self._wanted.wants(event.job_id, event.owner)

    def _take(self) -> Batch[S]:
        if not self._hub.closed:
            self._some.clear()
            self._many.clear()
        events = self._hub.after(self.sequence)
        if events:
            self.sequence = events[-1].sequence
            if self.sequence < self._hub.last_sequence:
                self.wake(self._hub.last_sequence)
        wants = self._wanted.wants
        runs = [run for job_id in self._news if (run := self._hub.run(job_id)) is not None]
        self._news.clear()
        stats, self._stats = self._stats, None
        return Batch([event for event in events if wants(event.job_id, event.owner)], runs, stats, self.sequence)


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
        self.closed = False
        self.last_sequence = sequence
        self._ring: list[Event] = []
        self._ring_count = ring_count
        self._most_count = most_count
        self._runs: dict[str, Run] = {}
        self._watchers: set[Watcher[S]] = set()

    @property
    def runs(self) -> Iterable[Run]:
        """Every active run."""
        return self._runs.values()

    @property
    def first_cursor(self) -> int:
        """The oldest cursor that the ring can serve."""
        return self._ring[0].sequence - 1 if self._ring else self.last_sequence

    def run(self, job_id: str) -> Run | None:
        """Return what is known of an active job."""
        return self._runs.get(job_id)

    def restore(self, jobs: Iterable[Job]) -> None:
        """Take in the runs that go on after a start."""
        for job in jobs:
            event = Event(self.last_sequence, job.updated_ms, job.id, job.owner, b"")
            self._runs[job.id] = Run(change_of(job, event), Progress(0, 0.0, self.clock.time_ms()))

    def publish(self, changes: Sequence[Change]) -> None:
        """Spread durable changes. A new run begins at 0 percent."""
        begun = []
        for change in changes:
            if change.state not in ACTIVE:
                self._runs.pop(change.job_id, None)
                continue
            run = self._runs.get(change.job_id)
            if run is None or run.change.token != change.token:
                self._runs[change.job_id] = Run(change, Progress(0, 0.0, change.event.at_ms))
                begun.append(change)
            else:
                run.change = change
        if changes[0].event.sequence != self.last_sequence + 1:
            self._ring.clear()  # whoever watches has missed something, and comes back with its cursor
        self._ring.extend([change.event for change in changes])
        if len(self._ring) > 2 * self._ring_count:
            del self._ring[: -self._ring_count]
        self.last_sequence = changes[-1].event.sequence
        for watcher in self._watchers:
            watcher.hear(begun)
            watcher.wake(self.last_sequence)

    def report(self, lease: Lease, progress: Progress) -> bool:
        """Spread how far a run is, unless it is not the present run or has been further already.

        Returns:
            Whether it was news.
        """
        run = self._runs.get(lease.job_id)
        if run is None or run.change.token != lease.token or progress == run.progress:
            return False
        if not run.progress.percent <= progress.percent <= 100:
            return False
        run.progress = progress
        for watcher in self._watchers:
            watcher.hear((run.change,))
        return True

    def publish_stats(self, stats: S) -> None:
        """Spread the queue's numbers."""
        for watcher in self._watchers:
            watcher.hear_stats(stats)

    @contextmanager
    def watch(self, wanted: Filter, *, after: int) -> Iterator[Watcher[S]]:
        """Watch for the length of the block, from the event after `after`, which the ring must still hold."""
        watcher = Watcher(self, wanted, after)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def after(self, sequence: int) -> Sequence[Event]:
        """Return the next events after `sequence`, at most a batch.

        Raises:
            ClipferryError: SLOW_CONSUMER when some of them have left the ring.
        """
        start = sequence - self.first_cursor
        if start < 0:
            raise ClipferryError(Reason.SLOW_CONSUMER, after_sequence=sequence, retry_after_s=0.0)
        return self._ring[start : start + self._most_count]

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
