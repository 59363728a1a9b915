"""What must happen by itself: silent runs are taken back, old records are forgotten."""

import random
from collections.abc import Callable, Sequence

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.queue.core.ports import JobStore, Reaped

logger = structlog.get_logger(__name__)

_REAP_LIMIT = 100
_PURGE_LIMIT = 1_000


async def reap_forever(
    store: JobStore, clock: Clock, *, interval_s: float, on_reaped: Callable[[Sequence[Reaped]], None]
) -> None:
    """Take back expired runs about every `interval_s` seconds, until cancelled."""
    while True:
        await clock.sleep(interval_s * random.uniform(0.8, 1.2))
        try:
            await _reap(store, on_reaped)
        except ClipferryError as error:
            logger.error("Expired runs could not be taken back.", action="reap_failed", reason=error.reason.name)


async def _reap(store: JobStore, on_reaped: Callable[[Sequence[Reaped]], None]) -> None:
    while reaped := await store.reap(limit=_REAP_LIMIT):
        for run in reaped:
            logger.warning(
                "A run was taken from a silent worker.",
                action="run_reaped",
                job_id=run.lease.job_id,
                token=run.lease.token,
                worker_id=run.worker_id,
            )
        on_reaped(reaped)
        if len(reaped) < _REAP_LIMIT:
            return


async def purge_forever(
    store: JobStore, clock: Clock, *, interval_s: float, retention_s: float, keep_events: int
) -> None:
    """Forget ended jobs after `retention_s` seconds, looking every `interval_s` seconds, until cancelled."""
    while True:
        await clock.sleep(interval_s)
        try:
            purged_count = await _purge(store, round(retention_s * 1000), keep_events)
        except ClipferryError as error:
            logger.error("Old jobs could not be forgotten.", action="purge_failed", reason=error.reason.name)
            continue
        if purged_count:
            logger.info("Old jobs were forgotten.", action="jobs_purged", count=purged_count)


async def _purge(store: JobStore, ended_for_ms: int, keep_events: int) -> int:
    purged_count = 0
    while True:
        purged = await store.purge(ended_for_ms=ended_for_ms, keep_events=keep_events, limit=_PURGE_LIMIT)
        purged_count += purged.job_count
        if max(purged) < _PURGE_LIMIT:
            return purged_count
