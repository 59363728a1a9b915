"""The queue service, put together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import structlog

from clipferry.keda import externalscaler_pb2_grpc
from clipferry.queue.v1 import queue_service_pb2_grpc, worker_service_pb2_grpc
from services.chassis.clock import Clock, SystemClock
from services.chassis.lifecycle import background
from services.chassis.metrics import read_by
from services.chassis.server import Served, serving
from services.chassis.tls import tls_of
from services.queue.adapters.backend import OpenBackend, Rules, open_backend
from services.queue.config import QueueSettings
from services.queue.core.assigning import Assigner
from services.queue.core.dispatcher import Dispatcher
from services.queue.core.fleet import Fleet
from services.queue.core.hub import Hub
from services.queue.core.lease import Lease, Policy
from services.queue.core.ledger import Limits
from services.queue.core.maintenance import purge_forever, reap_forever
from services.queue.core.ports import Change
from services.queue.core.retry import RetryPolicy
from services.queue.core.roll import Rollcall
from services.queue.core.runs import Progress
from services.queue.core.statistics import Statistics, Stats
from services.queue.metrics import readings_of
from services.queue.scaling import ExternalScalerServicer
from services.queue.servicer import QueueServicer
from services.queue.watch import Watches
from services.queue.wire import encode_job
from services.queue.work import WorkerServicer

logger = structlog.get_logger(__name__)

_NO_JOB = "00000000-0000-0000-0000-000000000000"
"""Looking for it asks the database and costs next to nothing."""

_LEAST_RING_COUNT, _MOST_RING_COUNT = 1_000, 10_000
"""Events in memory for watchers, some 500 bytes each: between these bounds as many as the log keeps."""
_PLACE_EVERY_S = 0.1
"""How often a watcher hears of nothing but where the log is: what others do is no news to it, however much it is."""


@asynccontextmanager
async def queue_service(
    settings: QueueSettings, clock: Clock | None = None, open_store: OpenBackend = open_backend
) -> AsyncIterator[int]:
    """Run the whole queue service for the length of the block; yields its port.

    Args:
        settings: What it was told.
        clock: Default: the machine's.
        open_store: Default: by the database's URL.

    Raises:
        StartError: If the database or the address cannot be had.
    """
    clock = clock or SystemClock()
    draining = asyncio.Event()
    listeners = _Listeners()
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(
            open_store(
                settings.database_url.get_secret_value(), _rules(settings), clock=clock, publish=listeners.publish
            )
        )
        store = backend.store
        hub: Hub[Stats] = Hub(
            clock,
            sequence=await store.last_sequence(),
            batch_s=settings.event_batch_ms / 1000,
            ring_count=min(max(settings.event_log_count, _LEAST_RING_COUNT), _MOST_RING_COUNT),
        )
        hub.restore(await store.active())
        fleet = Fleet(clock, spawn_delay_s=settings.worker_spawn_delay_ms / 1000)
        roll = Rollcall(fleet, backend.peers)
        statistics = Statistics(store, roll, clock, max_queue_size=settings.max_queue_size)
        stack.enter_context(read_by(readings_of(statistics.read)))
        assigner = Assigner(store, fleet, hub)
        dispatcher = Dispatcher(fleet, assigner.begin, clock)
        listeners.listen(hub.publish, fleet.follow, backend.peers.follow, statistics.follow, dispatcher.follow)

        def report(lease: Lease, progress: Progress) -> None:
            if hub.report(lease, progress):
                backend.peers.tell_progress(lease, progress)

        def workers_changed() -> None:
            roll.wake()
            statistics.wake()
            dispatcher.wake()

        for name, work in (
            ("follow", backend.follow(hub.report, statistics.wake)),
            ("dispatch", dispatcher.run()),
            ("drain", _end_streams(draining, hub, fleet)),
            ("reap", reap_forever(store, clock, interval_s=settings.reap_interval_s, on_reaped=fleet.lose)),
            (
                "purge",
                purge_forever(
                    store,
                    clock,
                    interval_s=settings.auto_cleanup_interval_ms / 1000,
                    retention_s=settings.job_retention_ms / 1000,
                    keep_events=settings.event_log_count,
                ),
            ),
            ("roll", roll.look_forever(clock)),
            ("place", hub.tell_place_forever(interval_s=_PLACE_EVERY_S)),
            ("stats", statistics.push_forever(hub.publish_stats, interval_s=settings.stats_interval_s)),
        ):
            await stack.enter_async_context(background(work, name=name))
        queue_servicer = QueueServicer(
            store,
            hub,
            statistics,
            Watches(store, hub, statistics, clock, max_age_s=settings.watch_max_age_s),
            run_timeout_ms=settings.queue_timeout_ms,
        )
        worker_servicer = WorkerServicer(
            store,
            fleet,
            assigner,
            clock,
            report=report,
            changed=workers_changed,
            lease_ttl_s=settings.lease_ttl_s,
            beat_interval_s=settings.beat_interval_s,
            max_age_s=settings.work_max_age_s,
        )
        yield await stack.enter_async_context(
            serving(
                [
                    Served(
                        "clipferry.queue.v1.QueueService",
                        queue_service_pb2_grpc.add_QueueServiceServicer_to_server,
                        queue_servicer,
                    ),
                    Served(
                        "clipferry.queue.v1.WorkerService",
                        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server,
                        worker_servicer,
                    ),
                    Served(
                        "externalscaler.ExternalScaler",
                        externalscaler_pb2_grpc.add_ExternalScalerServicer_to_server,
                        ExternalScalerServicer(store, hub, clock, max_age_s=settings.watch_max_age_s),
                        is_open=True,
                    ),
                ],
                address=settings.listen_address,
                drain_s=settings.drain_s,
                draining=draining,
                token=None if settings.service_token is None else settings.service_token.get_secret_value(),
                attempt=partial(store.get, _NO_JOB),
                health_address=settings.health_listen_address,
                tls=tls_of(settings),
                allow_plaintext=settings.allow_plaintext,
            )
        )


def _rules(settings: QueueSettings) -> Rules:
    limits = Limits(
        max_waiting=settings.max_queue_size,
        max_waiting_per_owner=settings.max_per_owner_queued,
        max_running=settings.max_running,
        max_running_per_owner=settings.max_per_owner_running,
    )
    policy = Policy(
        lease_ttl_ms=round(settings.lease_ttl_s * 1000),
        max_attempts=settings.max_attempts,
        retry=RetryPolicy(backoff_s=settings.retry_backoff_s),
    )
    return Rules(limits, policy, partial(encode_job, retention_ms=settings.job_retention_ms))


async def _end_streams(draining: asyncio.Event, hub: Hub[Stats], fleet: Fleet) -> None:
    await draining.wait()
    hub.close()
    fleet.drain()


class _Listeners:
    """Those who hear of every commit. They need the store themselves, so the store is opened first."""

    def __init__(self) -> None:
        self._each: Sequence[Callable[[Sequence[Change]], None]] = ()

    def listen(self, *each: Callable[[Sequence[Change]], None]) -> None:
        self._each = each

    def publish(self, changes: Sequence[Change]) -> None:
        for hear in self._each:
            hear(changes)
