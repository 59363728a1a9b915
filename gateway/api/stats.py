"""Numbers: of the queue, of memory, of the live connections, and whether all is well."""

from fastapi import APIRouter
from starlette.responses import Response

from clipferry.queue.v1 import job_pb2
from gateway.api.body import answer
from gateway.api.described import answers
from gateway.api.signed_in import Statistician
from gateway.backends import QueueBackend
from gateway.live.hub import Hub
from gateway.live.publisher import Publisher
from gateway.views.health import HealthView, health_view
from gateway.views.memory import MemoryView, memory_view
from gateway.views.stats import StatsView, WebSocketView, stats_view
from services.chassis.errors import ClipferryError
from services.chassis.readiness import Readiness

_HEALTH_TIMEOUT_S = 2.0


def stats_router(queue: QueueBackend, publisher: Publisher, hub: Hub, readiness: Readiness) -> APIRouter:
    """Return the routes.

    Args:
        queue: Whose numbers they are.
        publisher: Knows the last ones, should the queue be away.
        hub: Of the live connections.
        readiness: Of the gateway's own store.
    """
    router = APIRouter(tags=["stats"])

    @router.get("/api/queue/stats", responses=answers(StatsView))
    async def queue_stats(_caller: Statistician) -> Response:
        """The queue's statistics: totals of the whole system, for every user, with nothing of whose jobs they are."""
        return answer(stats_view(await queue.stats(), hub.stats() if hub.is_enabled else None))

    @router.get("/api/memory/stats", responses=answers(MemoryView))
    async def memory_stats(_caller: Statistician) -> Response:
        """The memory statistics of the processors."""
        return answer(memory_view((await queue.stats()).memory))

    @router.get("/api/websocket/stats", responses=answers(WebSocketView))
    async def websocket_stats(_caller: Statistician) -> Response:
        """The numbers of the live connections."""
        return answer(hub.stats())

    @router.get("/health", responses=answers(HealthView, 200, 503), openapi_extra={"security": []})
    async def health() -> Response:
        """Whether the parts work together. 503 when the queue cannot be reached."""
        try:
            stats, is_reachable = await queue.stats(timeout_s=_HEALTH_TIMEOUT_S), True
        except ClipferryError:
            stats, is_reachable = publisher.latest_stats or job_pb2.Stats(), False
        view = health_view(
            stats,
            queue_is_reachable=is_reachable,
            store_is_ready=await readiness.look(),
            now=publisher.now(),
            real_time=hub.is_enabled,
        )
        return answer(view, 200 if is_reachable else 503)

    return router
