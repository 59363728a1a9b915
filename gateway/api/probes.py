"""For whoever starts and stops gateways: whether one lives, and whether requests may be sent to it."""

from fastapi import APIRouter
from starlette.responses import Response

from services.chassis.errors import ClipferryError, Reason
from services.chassis.readiness import Readiness


def probes_router(readiness: Readiness) -> APIRouter:
    """Return the routes. Neither asks another service: a gateway without a queue says so to its users itself.

    Args:
        readiness: Of the gateway's own store.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> Response:
        """Whether the process answers."""
        return Response(status_code=204)

    @router.get("/readyz")
    async def readyz() -> Response:
        """Whether its own store can be used. 503 when not; while the gateway stops, nobody answers."""
        if not await readiness.look():
            raise ClipferryError(Reason.STORE_UNAVAILABLE)
        return Response(status_code=204)

    return router
