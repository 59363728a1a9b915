"""What a server says of itself (grpc.health.v1): to callers that balance over it, and to whoever starts and stops it.

Four questions, by the name that is asked for:

- empty, or a service: whether to send calls here. No while the server drains.
- ``readiness``: the same, and whether what every call needs is there, such as the database. Asked by an orchestrator,
  not by callers: when the one database is away everywhere, they are better told so than refused a connection.
- ``liveness``: whether the process answers. Also while it drains, and whatever others do: a restart helps none of that.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.chassis.lifecycle import StartError
from services.chassis.readiness import Attempt, Readiness
from services.chassis.reflection import add_reflection

READINESS = "readiness"
LIVENESS = "liveness"
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health(health.aio.HealthServicer):
    """Answers for one server.

    Args:
        names: Its services.
        attempt: Tried at each question for readiness. None: nothing is needed.
    """

    def __init__(self, names: Sequence[str], attempt: Attempt | None) -> None:
        super().__init__()
        self._names = ("", *names)
        self._readiness = Readiness(attempt)
        self._draining = False
        self._watcher_count = 0

    @property
    def is_watched(self) -> bool:
        """Whether somebody listens."""
        return self._watcher_count > 0

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext) -> None:
        self._watcher_count += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watcher_count -= 1

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        if request.service == READINESS:
            is_ready = await self._readiness.look() and not self._draining
            await self.set(READINESS, _SERVING if is_ready else _NOT_SERVING)
        return await super().Check(request, context)

    async def serve(self) -> None:
        """Say that calls may come."""
        for name in (*self._names, READINESS, LIVENESS):
            await self.set(name, _SERVING)

    async def drain(self) -> None:
        """Say that no more calls may come, for good."""
        self._draining = True
        for name in (*self._names, READINESS):
            await self.set(name, _NOT_SERVING)


@asynccontextmanager
async def serving_health(healthiness: Health, address: str) -> AsyncIterator[int]:
    """Serve nothing but `healthiness` and its reflection, in plain text, for the length of the block; yields the port.

    For probes that have no certificate.

    Raises:
        StartError: If the address is taken or not valid.
    """
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(healthiness, server)
    add_reflection([health.SERVICE_NAME], server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise StartError(f"cannot listen on {address!r}: the address is in use or not valid.") from error
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)
