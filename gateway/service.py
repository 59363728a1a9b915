"""The gateway, put together."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager

import structlog

from gateway.api.access import access_router
from gateway.api.jobs import JobRoutes
from gateway.api.openapi import hot_operations
from gateway.api.stats import stats_router
from gateway.app import make_app
from gateway.auth.gate import Gate
from gateway.auth.sessions import Sessions, revoked_sessions
from gateway.auth.store import AuthStore, open_store
from gateway.auth.tokens import AccessTokens
from gateway.auth.users import Users, signing_key
from gateway.backends import open_backends
from gateway.batching import open_batcher
from gateway.config import GatewaySettings
from gateway.live.connection import REVOKED, Live
from gateway.live.endpoint import WebSocketEndpoint
from gateway.live.feed import Feed
from gateway.live.hub import Hub
from gateway.live.publisher import Publisher
from gateway.live.snapshots import Snapshots
from gateway.serving import listen, serving
from services.chassis.clock import Clock, SystemClock
from services.chassis.lifecycle import background

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
        store = await stack.enter_async_context(open_store(settings.database_path))
        users = Users(store, code_ttl_s=settings.pairing_code_ttl_s, clock=clock)
        await _let_admin_in(settings, users)
        tokens = AccessTokens(await _keys(settings, store, clock), ttl_s=settings.access_token_ttl_s, clock=clock)
        gate = Gate(tokens, await revoked_sessions(store), clock)
        sessions = Sessions(store, tokens, ttl_s=settings.refresh_token_ttl_s, clock=clock)
        listener = stack.enter_context(closing(listen(settings.host, settings.port)))
        token = settings.service_token.get_secret_value() if settings.service_token else None
        queue, processor = await stack.enter_async_context(
            open_backends(queue_target=settings.queue_target, processor_target=settings.processor_target, token=token)
        )
        batcher = await stack.enter_async_context(open_batcher(queue))
        hub = Hub(ping_interval_ms=settings.websocket_ping_interval, is_enabled=settings.websocket_enabled)
        publisher = stack.enter_context(closing(Publisher(hub, clock)))
        sessions.on_revoked = _revoking(gate, hub)
        live = None
        if settings.websocket_enabled:
            live = Live(gate, hub, publisher, Snapshots(queue, publisher), clock, settings.websocket_ping_interval)
            feed = Feed(queue, hub, publisher, clock)
            await stack.enter_async_context(background(feed.run(), name="feed"))
        operations = hot_operations(JobRoutes(gate, queue, batcher, processor))
        app = make_app(
            gate=gate,
            operations=operations,
            routers=[access_router(sessions, users), stats_router(queue, publisher, hub)],
            websocket=WebSocketEndpoint(live, settings.allowed_origin_set),
            allowed_origins=settings.allowed_origin_set,
        )
        port: int = listener.getsockname()[1]
        await stack.enter_async_context(serving(app, listener, drain_s=settings.drain_s))
        stack.enter_context(_sent_away(hub))
        logger.info("The gateway listens.", action="gateway_listening", host=settings.host, port=port)
        yield port


def _revoking(gate: Gate, hub: Hub) -> Callable[[str], None]:
    def revoke(session_id: str) -> None:
        gate.revoke(session_id)
        hub.close_session(session_id, REVOKED, "session ended")

    return revoke


@contextmanager
def _sent_away(hub: Hub) -> Iterator[None]:
    """When the block ends, tell live clients to come back elsewhere, before the server closes on them."""
    try:
        yield
    finally:
        hub.drain("the gateway is stopping")


async def _let_admin_in(settings: GatewaySettings, users: Users) -> None:
    if settings.admin_api_key is not None:
        await users.set_bootstrap_key(settings.admin_api_key.get_secret_value())
    elif not await users.has_way_in():
        logger.warning("Nobody can sign in: set ADMIN_API_KEY.", action="no_way_in")


async def _keys(settings: GatewaySettings, store: AuthStore, clock: Clock) -> list[bytes]:
    """Return the signing key, then the one before if there is."""
    if settings.jwt_signing_key is None:
        return [await signing_key(store, clock)]
    given = [settings.jwt_signing_key, settings.jwt_previous_signing_key]
    return [key.get_secret_value().encode() for key in given if key is not None]
