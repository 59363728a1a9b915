"""Numbers: of the queue, of memory, of the live connections, and whether all is well."""

from fastapi import APIRouter
from starlette.responses import Response

from clipferry.queue.v1 import job_pb2
from gateway.api.body import answer
from gateway.api.described import answers
from gateway.api.signed_in import Admin, Guest, Statistician
from gateway.auth.scopes import STATS_READ
from gateway.backends import QueueBackend
from gateway.live.hub import Hub
from gateway.live.numbers import Numbers
from gateway.views.health import HealthView, health_view
from gateway.views.memory import MemoryView, memory_view
from gateway.views.moment import iso
from gateway.views.stats import StatsView, WebSocketView, stats_view
from gateway.views.workers import WorkerListView, worker_list_view
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.chassis.readiness import Readiness

_HEALTH_TIMEOUT_S = 2.0


def stats_router(queue: QueueBackend, numbers: Numbers, hub: Hub, readiness: Readiness, clock: Clock) -> APIRouter:
    """Return the routes.

    Args:
        queue: Whose numbers they are.
        numbers: Knows the last ones, should the queue be away.
        hub: Of the live connections.
        readiness: Of the gateway's own store.
        clock: Tells the time.
    """
    router = APIRouter(tags=["stats"])

    @router.get("/api/queue/stats", responses=answers(StatsView))
    async def queue_stats(caller: Statistician) -> Response:
        """The queue's statistics: for an admin of the whole system, for a user of the own jobs."""
        counted = caller.counted
        web_socket = hub.stats(counted) if hub.is_enabled else None
        return answer(stats_view(await queue.stats(counted), web_socket, is_whole=not counted))

    @router.get("/api/admin/workers", responses=answers(WorkerListView))
    async def workers(_caller: Admin) -> Response:
        """Each processor: how much it does and holds. For admins."""
        return answer(worker_list_view(await queue.workers()))

    @router.get("/api/memory/stats", responses=answers(MemoryView))
    async def memory_stats(caller: Statistician) -> Response:
        """The memory statistics of the processors: for an admin of all, for a user of what the own jobs use."""
        counted = caller.counted
        return answer(memory_view((await queue.stats(counted)).memory, is_whole=not counted))

    @router.get("/api/websocket/stats", responses=answers(WebSocketView))
    async def websocket_stats(caller: Statistician) -> Response:
        """The numbers of the live connections: for an admin of all, for a user of the own."""
        return answer(hub.stats(caller.counted))

    @router.get("/health", responses=answers(HealthView, 200, 503), openapi_extra={"security": [{}, {"bearer": []}]})
    async def health(guest: Guest) -> Response:
        """Whether the parts work together. 503 when the queue cannot be reached.

        Open to all. To an admin's credentials that may read the numbers it also tells how much memory is in use.
        """
        try:
            stats, is_reachable = await queue.stats("", timeout_s=_HEALTH_TIMEOUT_S), True
        except ClipferryError:
            stats, is_reachable = numbers.latest or job_pb2.Stats(), False
        view = health_view(
            stats,
            queue_is_reachable=is_reachable,
            store_is_ready=await readiness.look(),
            now=iso(clock.time_ms()),
            real_time=hub.is_enabled,
            shows_use=guest is not None and STATS_READ in guest.scopes and not guest.counted,
        )
        return answer(view, 200 if is_reachable else 503)

    return router
