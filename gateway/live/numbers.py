"""The numbers as clients hear them: an admin those of the whole system, a user those of the own jobs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from clipferry.queue.v1 import job_pb2
from gateway.backends import QueueBackend
from gateway.live.frames import text_frame
from gateway.live.hub import MEMORY, QUEUE, Hub
from gateway.live.messages import MemoryStats, QueueStats
from gateway.live.publisher import Publisher
from gateway.views.memory import memory_view
from gateway.views.stats import stats_view
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_LOOK_TIMEOUT_S = 2.0
_LEAST_PAUSE_S = 1.0
"""Between two looks for one user."""
_REST_FACTOR = 20
"""How many times as long as a look the pause after it is at least: it looks at each job of the user that is kept."""
_AGAIN_S = 2.0
"""Between two looks when the queue cannot be asked."""
_AT_ONCE_COUNT = 4
"""Looks that are under way at a time, for all users together."""


@dataclass(slots=True)
class _Followed:
    """A user whose numbers are told."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Something has happened to a job of the user since the last look."""
    change_count: int = 0
    joining_count: int = 0
    """Connections that are about to listen."""


class Numbers:
    """Tells those who listen. A user hears nothing because of what others do: not even when they did it.

    Args:
        queue: Counts jobs.
        hub: Knows who listens.
        publisher: Tells the time.
        clock: Of the pauses.
        longest_pause_s: How long a user who listens hears no numbers while nothing happens to the own jobs.
    """

    def __init__(
        self, queue: QueueBackend, hub: Hub, publisher: Publisher, clock: Clock, *, longest_pause_s: float = 30.0
    ) -> None:
        self.latest: job_pb2.Stats | None = None
        """Of the whole system, as the queue told last."""
        self._queue = queue
        self._hub = hub
        self._publisher = publisher
        self._clock = clock
        self._longest_pause_s = longest_pause_s
        self._followed: dict[str, _Followed] = {}
        self._new: asyncio.Queue[str] = asyncio.Queue()
        self._looks = asyncio.Semaphore(_AT_ONCE_COUNT)

    async def run(self) -> None:
        """Tell users who listen their numbers, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                owner = await self._new.get()
                group.create_task(self._tell_own(owner, self._followed[owner]), name="own-numbers")

    def whole(self, stats: job_pb2.Stats) -> None:
        """Pass on the numbers of the whole system."""
        self.latest = stats
        self._tell(stats, "")

    def changed(self, owner: str) -> None:
        """Learn that something has happened to a job of `owner`."""
        followed = self._followed.get(owner)
        if followed is not None:
            followed.change_count += 1
            followed.changed.set()

    @contextmanager
    def joining(self, counted: str) -> Iterator[None]:
        """Let a connection join those who hear the numbers of `counted` within the block.

        What changes meanwhile, and may have been told before it heard, is told again.
        """
        if not counted:  # those of the whole system come by themselves
            yield
            return
        if counted not in self._followed:
            self._followed[counted] = _Followed()
            self._new.put_nowait(counted)
        followed = self._followed[counted]
        before_count = followed.change_count
        followed.joining_count += 1
        try:
            yield
        finally:
            followed.joining_count -= 1
            if followed.change_count != before_count:
                followed.changed.set()

    async def snapshot(self, channel: str, counted: str) -> QueueStats | MemoryStats | None:
        """Return the numbers now, or those of the whole system as they were told last; None when there are none.

        Raises:
            ClipferryError: What the queue refuses with.
        """
        try:
            stats = await self._queue.stats(counted, timeout_s=_LOOK_TIMEOUT_S)
        except ClipferryError as error:
            if error.reason is not Reason.UNAVAILABLE:
                raise
            if counted or self.latest is None:
                return None
            stats = self.latest
        return self._queue_stats(stats, counted) if channel == QUEUE else self._memory_stats(stats, counted)

    async def _tell_own(self, owner: str, followed: _Followed) -> None:
        try:
            while True:
                try:
                    async with asyncio.timeout(self._longest_pause_s):
                        await followed.changed.wait()
                except TimeoutError:
                    pass  # nothing has happened: the numbers are due all the same
                if not followed.joining_count and not self._hub.hears_numbers(owner):
                    return
                followed.changed.clear()
                await self._clock.sleep(await self._look(owner, followed))
        finally:
            del self._followed[owner]

    async def _look(self, owner: str, followed: _Followed) -> float:
        """Tell one user's numbers; returns the seconds until they may be looked at again."""
        async with self._looks:
            began_at_s = self._clock.monotonic_s()
            try:
                stats = await self._queue.stats(owner, timeout_s=_LOOK_TIMEOUT_S)
            except ClipferryError:  # the feed says that the queue is away, once for all
                followed.changed.set()
                return _AGAIN_S
            took_s = self._clock.monotonic_s() - began_at_s
        self._tell(stats, owner)
        return max(_LEAST_PAUSE_S, _REST_FACTOR * took_s)

    def _tell(self, stats: job_pb2.Stats, counted: str) -> None:
        if self._hub.hears_numbers(counted):
            self._hub.broadcast(QUEUE, counted, text_frame(self._queue_stats(stats, counted)), QUEUE)
            self._hub.broadcast(MEMORY, counted, text_frame(self._memory_stats(stats, counted)), MEMORY)

    def _queue_stats(self, stats: job_pb2.Stats, counted: str) -> QueueStats:
        view = stats_view(stats, self._hub.stats(counted), is_whole=not counted)
        return QueueStats(
            type="queue:stats",
            timestamp=self._publisher.now(),
            queued=view.queued,
            processing=view.processing,
            memory_usage=view.memory_usage_formatted,
            stats=view,
        )

    def _memory_stats(self, stats: job_pb2.Stats, counted: str) -> MemoryStats:
        view = memory_view(stats.memory, is_whole=not counted)
        return MemoryStats(
            type="memory:stats", timestamp=self._publisher.now(), stats=view, **msgspec.structs.asdict(view)
        )
