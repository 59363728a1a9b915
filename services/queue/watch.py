"""The edge of WatchJobs: the log from a cursor on, then what happens, until the watch is old or the queue stops."""

import random
from collections.abc import AsyncIterator

import grpc

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from services.chassis.clock import Clock
from services.chassis.errors import field_invalid
from services.chassis.lifecycle import background
from services.queue.core.hub import Batch, Filter, Hub, Watcher
from services.queue.core.ports import Event, JobStore
from services.queue.core.runs import Run
from services.queue.core.statistics import Statistics, Stats
from services.queue.wire import fill_event, job_id, progress_message, stats_message

_BACKLOG_PAGE = 500
_IDLE_S = 15.0
"""How long a watcher hears nothing before it is told how far it is."""

_AGE_JITTER = 0.125


class Watches:
    """Serves WatchJobs.

    Args:
        store: Keeps the log.
        hub: Spreads what happens.
        statistics: Reads the numbers.
        clock: Tells a watch's age.
        max_age_s: When a watch ends by itself, give or take an eighth.
    """

    def __init__(
        self, store: JobStore, hub: Hub[Stats], statistics: Statistics, clock: Clock, *, max_age_s: float
    ) -> None:
        self._store = store
        self._hub = hub
        self._statistics = statistics
        self._clock = clock
        self._max_age_s = max_age_s

    async def serve(
        self, requests: AsyncIterator[queue_service_pb2.WatchJobsRequest], context: grpc.aio.ServicerContext
    ) -> None:
        """Serve one watch.

        Raises:
            ClipferryError: FIELD_INVALID, CURSOR_EXPIRED or SLOW_CONSUMER.
        """
        ends_at_s = self._clock.monotonic_s() + self._max_age_s * random.uniform(1 - _AGE_JITTER, 1 + _AGE_JITTER)
        first = await anext(aiter(requests), None)
        if first is None:
            raise field_invalid("request", "is missing: a watch starts with one message, which may be empty")
        wanted = _filter(first)
        cursor = first.after_sequence if first.HasField("after_sequence") else self._hub.last_sequence
        cursor = await self._send_backlog(cursor, wanted, context)
        with self._hub.watch(wanted, after=cursor) as watcher:
            async with background(_follow(requests, watcher), name="watch-filter"):
                await self._send_news(watcher, wanted, ends_at_s, context)

    async def _send_backlog(self, cursor: int, wanted: Filter, context: grpc.aio.ServicerContext) -> int:
        """Send what has left the hub's ring, or never was in it; returns the cursor after it."""
        if cursor < 0:
            raise field_invalid("after_sequence", "must be at least 0", cursor)
        if self._hub.first_cursor <= cursor <= self._hub.last_sequence:
            return cursor
        while events := await self._store.events(cursor, limit=_BACKLOG_PAGE):
            cursor = events[-1].sequence
            items = [_event_item(event) for event in events if wanted.wants(event.job_id, event.owner)]
            if items:
                await context.write(queue_service_pb2.WatchJobsResponse(items=items))
            if cursor >= self._hub.first_cursor:
                return cursor
        return max(cursor, self._hub.last_sequence)

    async def _send_news(
        self, watcher: Watcher[Stats], wanted: Filter, ends_at_s: float, context: grpc.aio.ServicerContext
    ) -> None:
        synced = False
        if wanted.stats:
            watcher.hear_stats(await self._statistics.read())
        while True:
            left_s = ends_at_s - self._clock.monotonic_s()
            batch = await watcher.batch(idle_s=max(0.0, min(_IDLE_S, left_s)))
            items = _items(batch)
            ends = self._hub.closed or self._clock.monotonic_s() >= ends_at_s
            if ends or not items or (not synced and batch.sequence >= self._hub.last_sequence):
                items.append(queue_service_pb2.WatchItem(sync=queue_service_pb2.SyncMark(sequence=batch.sequence)))
                synced = True
            await context.write(queue_service_pb2.WatchJobsResponse(items=items))
            if ends:
                return


async def _follow(requests: AsyncIterator[queue_service_pb2.WatchJobsRequest], watcher: Watcher[Stats]) -> None:
    async for request in requests:
        watcher.replace(_filter(request))


def _filter(request: queue_service_pb2.WatchJobsRequest) -> Filter:
    return Filter(
        owners=frozenset(request.owners.owners) if request.HasField("owners") else None,
        job_ids=frozenset(job_id(name) for name in request.names),
        progress=request.include_progress,
        stats=request.include_stats,
    )


def _items(batch: Batch[Stats]) -> list[queue_service_pb2.WatchItem]:
    items = [_event_item(event) for event in batch.events]
    items.extend(_progress_item(run) for run in batch.runs)
    if batch.stats is not None:
        items.append(queue_service_pb2.WatchItem(stats=stats_message(batch.stats)))
    return items


def _event_item(event: Event) -> queue_service_pb2.WatchItem:
    item = queue_service_pb2.WatchItem()
    fill_event(item.event, event)
    return item


def _progress_item(run: Run) -> queue_service_pb2.WatchItem:
    return queue_service_pb2.WatchItem(
        progress=job_pb2.JobProgress(
            name=f"jobs/{run.change.job_id}",
            owner=run.change.event.owner,
            attempt=run.change.attempt,
            version=run.change.version,
            progress=progress_message(run.progress),
        )
    )
