"""The gateway, put together."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from functools import partial

import structlog

from gateway.api.access import access_router
from gateway.api.admission import Admission
from gateway.api.jobs import JobRoutes
from gateway.api.openapi import hot_operations
from gateway.api.probes import probes_router
from gateway.api.stats import stats_router
from gateway.app import make_app
from gateway.auth.opening import open_auth
from gateway.backends import open_backends
from gateway.batching import open_batcher
from gateway.config import GatewaySettings
from gateway.limits.metering import Meter
from gateway.limits.opening import is_shared, limiter_for, open_exchange
from gateway.limits.told import address_limit, caller_limits, quotas
from gateway.limits.usage import Usage
from gateway.live.closing import REVOKED
from gateway.live.connection import Live
from gateway.live.door import Door
from gateway.live.endpoint import WebSocketEndpoint
from gateway.live.feed import Feed
from gateway.live.hub import Hub
from gateway.live.numbers import Numbers
from gateway.live.places import live_places
from gateway.live.publisher import Publisher
from gateway.live.snapshots import Snapshots
from gateway.live.told import live_terms, write_terms
from gateway.patience import http_terms
from gateway.serving import listen, serving
from gateway.store.opening import open_database
from services.chassis.clock import Clock, SystemClock
from services.chassis.lifecycle import background
from services.chassis.metrics import read_by
from services.chassis.readiness import Readiness
from services.chassis.tls import tls_of

logger = structlog.get_logger(__name__)


@asynccontextmanager
async def gateway_service(settings: GatewaySettings, clock: Clock | None = None) -> AsyncIterator[int]:
    """Run the whole gateway for the length of the block; yields its HTTP port.

    Args:
        settings: What it was told.
        clock: Default: the machine's.

    Raises:
        StartError: If the database or the address cannot be had.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.store_url))
        limiter = limiter_for(settings.store_url, database, clock)
        terms = live_terms(settings)
        places = live_places(terms, clock, is_shared=is_shared(settings.store_url))
        addresses = address_limit(settings, clock)
        await stack.enter_async_context(open_exchange(settings.store_url, database, clock, places, addresses))
        hub = Hub(terms, places.users, is_enabled=settings.websocket_enabled)
        stack.enter_context(read_by(hub.readings))
        auth = await stack.enter_async_context(open_auth(settings, database, limiter, clock, _cutting_off(hub)))
        listener = stack.enter_context(closing(listen(settings.host, settings.port)))
        token = settings.service_token.get_secret_value() if settings.service_token else None
        queue, processor = await stack.enter_async_context(
            open_backends(
                queue_target=settings.queue_target,
                processor_target=settings.processor_target,
                token=token,
                tls=tls_of(settings),
                keepalive_s=settings.keepalive_s,
            )
        )
        batcher = await stack.enter_async_context(open_batcher(queue))
        publisher = stack.enter_context(closing(Publisher(hub, clock)))
        numbers = Numbers(queue, hub, publisher, clock)
        live = None
        if settings.websocket_enabled:
            snapshots, door = Snapshots(queue, publisher), Door(terms, places)
            live = Live(auth.gate, hub, publisher, snapshots, numbers, clock, terms, door)
            feed = Feed(queue, hub, publisher, numbers, clock)
            await stack.enter_async_context(background(numbers.run(), name="numbers"))
            await stack.enter_async_context(background(feed.run(), name="feed"))
        admission, usage = Admission(auth.gate, caller_limits(settings, limiter)), Usage(database)
        if settings.bytes_per_day:
            await stack.enter_async_context(background(Meter(queue, usage, clock).run(), name="meter"))
        jobs = JobRoutes(admission, quotas(settings, usage, clock), queue, batcher, processor)
        operations = hot_operations(jobs)
        readiness = Readiness(partial(database.run, "SELECT 1"))
        app = make_app(
            admission=admission,
            addresses=addresses,
            operations=operations,
            routers=[
                access_router(auth),
                stats_router(queue, numbers, hub, readiness, clock),
                probes_router(readiness),
            ],
            websocket=WebSocketEndpoint(live, settings.allowed_origin_set),
            allowed_origins=settings.allowed_origin_set,
            trusted_proxies=settings.trusted_proxy_set,
            root_path=settings.root_path,
        )
        port: int = listener.getsockname()[1]
        await stack.enter_async_context(
            serving(
                app,
                listener,
                drain_s=settings.drain_s,
                http_terms=http_terms(settings),
                write_terms=write_terms(settings),
            )
        )
        stack.enter_context(_sent_away(hub))
        logger.info("The gateway listens.", action="gateway_listening", host=settings.host, port=port)
        yield port


def _cutting_off(hub: Hub) -> Callable[[str], None]:
    def cut_off(session_id: str) -> None:
        hub.close_session(session_id, REVOKED, "session ended")

    return cut_off


@contextmanager
def _sent_away(hub: Hub) -> Iterator[None]:
    """When the block ends, tell live clients to come back elsewhere, before the server closes on them."""
    try:
        yield
    finally:
        hub.drain("the gateway is stopping")
