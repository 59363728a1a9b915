"""The gateway's one WatchJobs stream: what the queue tells, for everybody who is connected here."""

import asyncio
import random
from typing import Any

import structlog

from clipferry.queue.v1 import queue_service_pb2
from gateway.backends import QueueBackend
from gateway.live.hub import Hub
from gateway.live.numbers import Numbers
from gateway.live.publisher import Publisher
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import remote_errors
from services.chassis.stream_writing import write

logger = structlog.get_logger(__name__)

_FIRST_DELAY_S = 0.1
_LONGEST_DELAY_S = 5.0
_CURSOR_WAIT_S = 2.0
_TOLD_AFTER_COUNT = 2
"""Tries in a row that must have failed before clients are told: a change of replicas costs one."""

_Owners = frozenset[str] | None


class Feed:
    """Follows the owners who are connected, resumes by cursor, and says so when changes were missed."""

    def __init__(self, queue: QueueBackend, hub: Hub, publisher: Publisher, numbers: Numbers, clock: Clock) -> None:
        self._queue = queue
        self._hub = hub
        self._publisher = publisher
        self._numbers = numbers
        self._clock = clock
        self._has_cursor = asyncio.Event()
        self._heard = False

    async def run(self) -> None:
        """Watch until cancelled."""
        failure_count = 0
        while True:
            self._heard = False
            try:
                with remote_errors():
                    await self._watch()
            except ClipferryError as error:
                self._on_failure(error)
            failure_count = 0 if self._heard else failure_count + 1
            if failure_count >= _TOLD_AFTER_COUNT:
                self._publisher.queue_health(is_reachable=False)
            if failure_count:
                longest_s = min(_FIRST_DELAY_S * 2**failure_count, _LONGEST_DELAY_S)
                await self._clock.sleep(random.uniform(longest_s / 2, longest_s))

    def _on_failure(self, error: ClipferryError) -> None:
        if error.reason is Reason.CURSOR_EXPIRED:
            self._has_cursor.clear()
            self._publisher.cursor = 0
        logger.warning("The watch of the queue ended.", action="feed_ended", reason=error.reason.name)

    async def _watch(self) -> None:
        owners = self._hub.audience.wanted()
        call = self._queue.watch()
        try:
            await write(call, self._request(owners, is_first=True))
            await _first_to_end(self._read(call), self._until_wider(call, owners))
        finally:
            call.cancel()

    def _request(self, owners: _Owners, *, is_first: bool) -> queue_service_pb2.WatchJobsRequest:
        return queue_service_pb2.WatchJobsRequest(
            after_sequence=self._publisher.cursor if is_first and self._has_cursor.is_set() else None,
            include_progress=True,
            include_stats=True,
            owners=None if owners is None else queue_service_pb2.OwnerFilter(owners=sorted(owners)),
        )

    async def _until_wider(self, call: Any, followed: _Owners) -> None:
        """Return when somebody is to be followed who was not.

        The stream is opened again then, from the cursor: a change of the filter on the open stream has no answer, so
        nobody could tell which changes it missed. Those who left are taken out on the open stream.
        """
        audience = self._hub.audience
        while True:
            await audience.changed.wait()
            audience.changed.clear()
            wanted = audience.wanted()
            if followed is not None and (wanted is None or not wanted <= followed):
                break
            if wanted is not None and wanted != followed:
                self._publisher.board.keep_owners(wanted)
                if not await write(call, self._request(wanted, is_first=False)):
                    return
                followed = wanted
        try:
            async with asyncio.timeout(_CURSOR_WAIT_S):
                await self._has_cursor.wait()
        except TimeoutError:
            logger.warning("The queue gave no cursor.", action="feed_without_cursor", after_s=_CURSOR_WAIT_S)

    async def _read(self, call: Any) -> None:
        async for response in call:
            self._heard = True
            self._publisher.queue_health(is_reachable=True)
            for item in response.items:
                self._take(item)

    def _take(self, item: queue_service_pb2.WatchItem) -> None:
        match item.WhichOneof("kind"):
            case "progress":
                self._publisher.progress(item.progress)
            case "event":
                self._publisher.change(item.event.job, item.event.sequence)
                self._numbers.changed(item.event.job.owner)
                self._know_cursor(item.event.sequence)
            case "stats":
                self._numbers.whole(item.stats)
            case "sync":
                self._know_cursor(item.sync.sequence)

    def _know_cursor(self, sequence: int) -> None:
        self._publisher.cursor = max(self._publisher.cursor, sequence)
        if not self._has_cursor.is_set():
            self._has_cursor.set()
            logger.info("The watch of the queue begins.", action="feed_began", cursor=sequence)
            self._hub.resync()


async def _first_to_end(*coroutines: Any) -> None:
    """Run all until one ends, then stop the others; raises what it raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
