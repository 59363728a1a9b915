"""The only way to serve gRPC: health, reflection, errors, identity, keepalive and drain are always there."""

import asyncio
import hmac
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc

from services.chassis.calls import CallInterceptor
from services.chassis.errors import ClipferryError, Reason
from services.chassis.health import Health, serving_health
from services.chassis.lifecycle import StartError, background
from services.chassis.readiness import Attempt
from services.chassis.reflection import add_reflection
from services.chassis.roles import RoleInterceptor
from services.chassis.status import ErrorInterceptor, abort
from services.chassis.tls import Tls, server_credentials

logger = structlog.get_logger(__name__)

SERVER_OPTIONS: Sequence[tuple[str, int]] = (
    # Two processes on one port would share it silently.
    ("grpc.so_reuseport", 0),
    # A client without traffic may ping as often as the least KEEPALIVE_S says; the core's default, five minutes, calls
    # that an attack after two and ends the connection. (The C macro of this name has a RECV in it; the name has not.)
    ("grpc.http2.min_ping_interval_without_data_ms", 100),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.keepalive_permit_without_calls", 1),
    # Frees a watch whose reader vanished without a FIN.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
    # Makes clients resolve again, so that new replicas get traffic. Streams end by themselves before.
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
    # A writer runs 4 to 6 MiB ahead of a stalled reader with it on; 128 KiB to 1 MiB with it off.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 20),
    # A part of a file in one frame; the default cuts it into dozens.
    ("grpc.http2.max_frame_size", 1 << 20),
)

_NOTICE_S = 0.25
"""How long callers that watch health get to hear that they should call elsewhere: a call that is on its way when the
server refuses new ones is lost."""


@dataclass(frozen=True)
class Served:
    """One gRPC service to serve.

    Args:
        name: Full name, such as ``clipferry.queue.v1.QueueService``.
        add: The generated ``add_…Servicer_to_server``.
        servicer: What answers.
        is_open: Whether it answers without the token, for callers that cannot show one: it may tell no secret.
    """

    name: str
    add: Callable[[Any, Any], None]
    servicer: Any
    is_open: bool = False


@asynccontextmanager
async def serving(
    services: Sequence[Served],
    *,
    address: str,
    drain_s: float,
    draining: asyncio.Event | None = None,
    token: str | None = None,
    attempt: Attempt | None = None,
    health_address: str | None = None,
    tls: Tls | None = None,
    allow_plaintext: bool = False,
) -> AsyncIterator[int]:
    """Serve `services` for the length of the block; yields the port.

    Leaving drains in this order: health turns NOT_SERVING and `draining` is set (streams end themselves), callers that
    watch health get a moment to hear it, new calls are refused, open ones get `drain_s` seconds, then they are
    cancelled.

    Args:
        address: ``host:port``; port 0 picks a free one.
        draining: Who sets it before the end sends callers elsewhere, as leaving does; what calls still come are served.
        token: Bearer token that every call must show, but for health and open services.
        attempt: Does a little of what every call needs: whether the server is ready. Default: it always is.
        health_address: ``host:port`` where health alone is served too, in plain text.
        tls: Who this is and whom it believes: callers need a certificate then, with a role. None: plain text.
        allow_plaintext: Whether plain text and a token may do beyond loopback.

    Raises:
        StartError: If the address is taken or not valid, lies beyond loopback without TLS or a token in plain text that
            is allowed, or the files of TLS cannot be used.
    """
    if tls is None and not is_loopback(address) and (token is None or not allow_plaintext):
        raise StartError(
            f"{address!r} can be reached from other machines: set TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE; or "
            "SERVICE_TOKEN and ALLOW_PLAINTEXT=true, on a network of its own; or listen on 127.0.0.1."
        )
    interceptors: list[Any] = [CallInterceptor()]
    if tls is not None:
        interceptors.append(RoleInterceptor())
    if token is not None:
        interceptors.append(_TokenInterceptor(token, [service.name for service in services if service.is_open]))
    interceptors.append(ErrorInterceptor())
    server = grpc.aio.server(options=SERVER_OPTIONS, interceptors=interceptors)
    names = [service.name for service in services]
    healthiness = Health(names, attempt)
    health_pb2_grpc.add_HealthServicer_to_server(healthiness, server)
    for service in services:
        service.add(service.servicer, server)
    add_reflection([*names, health.SERVICE_NAME], server)
    try:
        if tls is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, server_credentials(tls))
    except RuntimeError as error:
        raise StartError(f"cannot listen on {address!r}: the address is in use or not valid.") from error
    async with AsyncExitStack() as stack:
        if health_address is not None:
            await stack.enter_async_context(serving_health(healthiness, health_address))
        await server.start()
        await healthiness.serve()
        ends = draining or asyncio.Event()
        await stack.enter_async_context(background(_drain_early(healthiness, ends), name="drain"))
        try:
            yield port
        finally:
            logger.info("The server drains.", action="server_draining", drain_s=drain_s)
            await healthiness.drain()
            ends.set()
            if healthiness.is_watched:
                await asyncio.sleep(_NOTICE_S)
            await server.stop(drain_s)


async def _drain_early(healthiness: Health, draining: asyncio.Event) -> None:
    await draining.wait()
    await healthiness.drain()


def is_loopback(address: str) -> bool:
    """Return whether ``host:port`` can only be reached from this machine."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost" or address.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _TokenInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls that do not show the token. Health stays open for probes."""

    def __init__(self, token: str, open_names: Sequence[str]) -> None:
        self._expected = f"Bearer {token}".encode()
        self._open = tuple(f"/{name}/" for name in (health.SERVICE_NAME, *open_names))

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(self._open):
            return handler
        shown = dict(handler_call_details.invocation_metadata or ()).get("authorization", "")
        if isinstance(shown, str) and hmac.compare_digest(shown.encode(), self._expected):
            return handler
        return _refusal(handler, handler_call_details.method)


def _refusal(handler: grpc.RpcMethodHandler, method: str) -> grpc.RpcMethodHandler:
    async def refuse(_request: Any, context: grpc.aio.ServicerContext) -> None:
        await abort(context, ClipferryError(Reason.UNAUTHENTICATED), method)

    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(refuse)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)
