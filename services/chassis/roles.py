"""Who may call what, where services show certificates: the arrows of the design, and nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.chassis.errors import ClipferryError, Reason
from services.chassis.handlers import surrounded
from services.chassis.status import abort

GATEWAY, QUEUE, PROCESSOR, NOTIFIER = "gateway", "queue", "processor", "notifier"
KEDA = "keda"
"""Asks the queue how many processors are needed."""
ADMIN = "admin"
"""People, by grpcurl: may do everything."""
ROLES = frozenset({GATEWAY, QUEUE, PROCESSOR, NOTIFIER, KEDA, ADMIN})

CALLERS: Mapping[str, frozenset[str]] = {
    "/clipferry.queue.v1.QueueService/": frozenset({GATEWAY}),
    "/clipferry.queue.v1.WorkerService/": frozenset({PROCESSOR}),
    "/clipferry.processor.v1.ProcessorService/GetStatus": frozenset({GATEWAY}),
    "/clipferry.processor.v1.ProcessorService/ProbeUrl": frozenset({GATEWAY}),
    "/clipferry.notifier.v1.NotifierService/": frozenset({PROCESSOR}),
    "/externalscaler.ExternalScaler/": frozenset({KEDA}),
}
"""Roles by what a method begins with. What begins with none of these, such as Drain and reflection, is for admins."""

_HEALTH = "/grpc.health."
"""Every service watches the health of those that it calls."""
_SPIFFE = "spiffe://"


def callers_of(method: str) -> frozenset[str]:
    """Return the roles that may call ``/package.Service/Method``."""
    named = next((roles for start, roles in CALLERS.items() if method.startswith(start)), frozenset())
    return named | {ADMIN}


def roles_of(names: Iterable[bytes], uris: Iterable[bytes]) -> frozenset[str]:
    """Return the roles that a verified certificate gives.

    Args:
        names: DNS names in it. The first label of each may be a role.
        uris: URIs in it. The last segment of a SPIFFE id may be a role.
    """
    found = {name.decode(errors="replace").partition(".")[0].lower() for name in names}
    found |= {uri.rpartition("/")[2] for each in uris if (uri := each.decode(errors="replace")).startswith(_SPIFFE)}
    return ROLES & found


class RoleInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls of whoever has not the role for them. Health is open to every certificate that is believed."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or method.startswith(_HEALTH):
            return handler

        return surrounded(handler, lambda context: _checked(context, method))


@asynccontextmanager
async def _checked(context: grpc.aio.ServicerContext, method: str) -> AsyncIterator[None]:
    problem = _problem(context.auth_context(), method)
    if problem is not None:
        await abort(context, problem, method)
    yield


def _problem(shown: Mapping[str, Any], method: str) -> ClipferryError | None:
    roles, wanted = roles_of(shown.get("peer_dns", ()), shown.get("peer_uri", ())), callers_of(method)
    if roles & wanted:
        return None
    has = " and ".join(sorted(roles)) or "none"
    message = f"{method[1:]} is for the role {' or '.join(sorted(wanted))}; the certificate that was shown has {has}."
    return ClipferryError(Reason.PERMISSION_DENIED, message, role=has, method=method[1:])
