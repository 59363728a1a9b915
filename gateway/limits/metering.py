"""Counts delivered bytes from the queue's log of events, by a cursor in the store: none is missed or doubled."""

import math
import random
from typing import Any

import structlog

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from gateway.backends import QueueBackend
from gateway.limits.usage import Delivered, Usage, day_of
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import remote_errors
from services.chassis.stream_writing import write
from services.chassis.wire import time_ms

logger = structlog.get_logger(__name__)

_SAVE_EVERY_S = 30.0
_AGAIN_S = (0.5, 2.0)


class Meter:
    """Follows what is delivered, while no gateway runs too: the log is read from where the last one stopped."""

    def __init__(self, queue: QueueBackend, usage: Usage, clock: Clock) -> None:
        self._queue = queue
        self._usage = usage
        self._clock = clock
        self._saved_at_s = -math.inf

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            try:
                with remote_errors():
                    await self._follow()
            except ClipferryError as error:
                logger.debug("The count of bytes was cut off.", action="meter_cut_off", reason=error.reason.name)
                if error.reason is Reason.CURSOR_EXPIRED:
                    logger.warning("Deliveries may be missing from the quotas.", action="meter_gap")
                    await self._usage.start_over()
            await self._clock.sleep(random.uniform(*_AGAIN_S))

    async def _follow(self) -> None:
        call = self._queue.watch()
        try:
            await write(call, queue_service_pb2.WatchJobsRequest(after_sequence=await self._usage.cursor()))
            async for response in call:
                await self._count(response.items)
        finally:
            call.cancel()

    async def _count(self, items: Any) -> None:
        deliveries, sequence = [], 0
        for item in items:
            if item.HasField("event"):
                sequence = item.event.sequence
                if item.event.job.state == job_pb2.JOB_STATE_COMPLETED:
                    deliveries.append(_delivered(item.event))
            elif item.HasField("sync"):
                sequence = item.sync.sequence
        now_s = self._clock.monotonic_s()
        if deliveries or (sequence and now_s - self._saved_at_s >= _SAVE_EVERY_S):
            await self._usage.add(deliveries, sequence)
            self._saved_at_s = now_s


def _delivered(event: job_pb2.JobEvent) -> Delivered:
    job = event.job
    return Delivered(
        sequence=event.sequence,
        owner=job.owner,
        day=day_of(time_ms(event.event_time)),
        size_bytes=job.delivery.size_bytes or job.media.size_bytes,
    )
