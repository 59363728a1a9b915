"""The queue's numbers, put together from the store, the connected workers and the last minute."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.queue.core.job import ACTIVE, ENDED, WAITING, State
from services.queue.core.ports import Change, JobStore
from services.queue.core.roll import Memory, Rollcall, WorkerNote

logger = structlog.get_logger(__name__)

_LEAST_PAUSE_S = 0.2
"""Least time between two pushes, so that a busy queue does not drown its watchers in numbers."""

_REST_FACTOR = 99
"""How many times as long as the look for the oldest waiting job the rest after it is: with a hundred thousand of them
it takes tens of milliseconds."""

_LONGEST_REST_S = 5.0
"""A look that took long because the machine stood still must not leave the age of a job on show that began long ago."""

_MINUTE_S = 60
"""Over which the throughput is counted."""


class Stats(NamedTuple):
    """The queue at one moment, or what one owner has of it."""

    jobs_by_state: Mapping[State, int]
    oldest_waiting_age_s: float | None
    workers: int
    slots_total: int
    slots_busy: int
    memory: Memory
    read_ms: int
    uptime_s: float
    throughput_per_minute: int
    total_processed: int
    max_queue_size: int
    memory_processing: bool
    auto_cleanup: bool
    ytdlp_versions: Sequence[str]


class Statistics:
    """Reads the queue's numbers, and pushes them when they have changed.

    Args:
        store: Counts jobs.
        roll: Knows the workers.
        clock: Tells the time.
        max_queue_size: MAX_QUEUE_SIZE.
    """

    def __init__(self, store: JobStore, roll: Rollcall, clock: Clock, *, max_queue_size: int) -> None:
        self._store = store
        self._roll = roll
        self._clock = clock
        self._max_queue_size = max_queue_size
        self._started_at_s = clock.monotonic_s()
        self._ends: deque[tuple[float, int]] = deque()
        self._changed = asyncio.Event()
        self._oldest_ms: int | None = None
        self._look_at_s = float("-inf")

    def follow(self, changes: Iterable[Change]) -> None:
        """Take in changes of jobs."""
        count = sum(change.state in ENDED for change in changes)
        if count:
            self._ends.append((self._clock.monotonic_s(), count))
            self._forget_old_ends()
        self._changed.set()

    def wake(self) -> None:
        """Say that the workers have changed."""
        self._changed.set()

    async def read(self) -> Stats:
        """Return the numbers now."""
        return (await self._read())[0]

    async def _read(self) -> tuple[Stats, bool]:
        """Return the numbers, and whether the age in them rests on an earlier look."""
        totals = await self._store.totals()
        self._forget_old_ends()
        oldest_ms, is_old = await self._oldest_waiting_ms(is_any=bool(WAITING & totals.jobs_by_state.keys()))
        stats = self._put_together(
            totals.jobs_by_state,
            now_ms=self._clock.time_ms(),
            oldest_ms=oldest_ms,
            memory=self._roll.memory(),
            throughput_per_minute=sum(count for _, count in self._ends),
            total_processed=totals.ended_count,
        )
        return stats, is_old

    async def read_of(self, owner: str) -> Stats:
        """Return the numbers of one owner's jobs now, beside those of the workers and the settings."""
        now_ms = self._clock.time_ms()
        totals = await self._store.totals_of(owner, ended_since_ms=now_ms - _MINUTE_S * 1000)
        run_count = _count(totals.jobs_by_state, ACTIVE)
        fleet = self._roll.memory()
        return self._put_together(
            totals.jobs_by_state,
            now_ms=now_ms,
            oldest_ms=totals.oldest_waiting_ms,
            memory=Memory(
                current_bytes=totals.reserved_bytes,
                max_bytes=fleet.max_bytes,
                active_allocations=run_count,
                max_per_video_bytes=fleet.max_per_video_bytes,
            ),
            throughput_per_minute=totals.ended_count,
            total_processed=_count(totals.jobs_by_state, ENDED),
        )

    def _put_together(
        self,
        jobs_by_state: Mapping[State, int],
        *,
        now_ms: int,
        oldest_ms: int | None,
        memory: Memory,
        throughput_per_minute: int,
        total_processed: int,
    ) -> Stats:
        workers = self._roll.workers()
        return Stats(
            jobs_by_state=jobs_by_state,
            oldest_waiting_age_s=None if oldest_ms is None else max(0, now_ms - oldest_ms) / 1000,
            workers=len(workers),
            slots_total=sum(worker.slots for worker in workers),
            slots_busy=_count(jobs_by_state, ACTIVE),
            memory=memory,
            read_ms=now_ms,
            uptime_s=self._clock.monotonic_s() - self._started_at_s,
            throughput_per_minute=throughput_per_minute,
            total_processed=total_processed,
            max_queue_size=self._max_queue_size,
            memory_processing=bool(workers) and all(worker.memory_processing for worker in workers),
            auto_cleanup=bool(workers) and all(worker.auto_cleanup for worker in workers),
            ytdlp_versions=sorted({worker.ytdlp_version for worker in workers if worker.ytdlp_version}),
        )

    def workers(self) -> Sequence[WorkerNote]:
        """Return each connected worker."""
        return self._roll.workers()

    async def _oldest_waiting_ms(self, *, is_any: bool) -> tuple[int | None, bool]:
        """Return when the job was accepted that waits for longest, and whether that is as of an earlier look."""
        if not is_any:
            self._look_at_s = float("-inf")
            return None, False
        started_at_s = self._clock.monotonic_s()
        if started_at_s < self._look_at_s:
            return self._oldest_ms, True
        self._oldest_ms = await self._store.oldest_waiting_ms()
        ended_at_s = self._clock.monotonic_s()
        self._look_at_s = ended_at_s + min(_REST_FACTOR * (ended_at_s - started_at_s), _LONGEST_REST_S)
        return self._oldest_ms, False

    async def push_forever(self, push: Callable[[Stats], None], *, interval_s: float) -> None:
        """Push the numbers soon after each change, and at least every `interval_s` seconds, until cancelled."""
        wait_s = interval_s
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass  # nothing changed: the numbers are due all the same
            self._changed.clear()
            wait_s = interval_s
            try:
                stats, is_old = await self._read()
                if is_old:  # then they are told again after the next look
                    wait_s = min(interval_s, max(self._look_at_s - self._clock.monotonic_s(), 0))
                push(stats)
            except ClipferryError as error:
                logger.error("The numbers could not be read.", action="stats_failed", reason=error.reason.name)
            await self._clock.sleep(min(_LEAST_PAUSE_S, interval_s))

    def _forget_old_ends(self) -> None:
        oldest_s = self._clock.monotonic_s() - _MINUTE_S
        while self._ends and self._ends[0][0] <= oldest_s:
            self._ends.popleft()


def _count(jobs_by_state: Mapping[State, int], states: Iterable[State]) -> int:
    return sum(jobs_by_state.get(state, 0) for state in states)
