"""Who asks, and whether not too often: before anything else is done for a request."""

from starlette.requests import Request

from gateway.api.fields import single
from gateway.auth.caller import Caller
from gateway.auth.gate import Gate
from gateway.limits.callers import CallerLimits


class Admission:
    """The gate, and behind it the limits of those who may pass."""

    def __init__(self, gate: Gate, limits: CallerLimits) -> None:
        self._gate = gate
        self._limits = limits

    async def caller(self, request: Request, *, makes_work: bool = False) -> Caller:
        """Return who asks.

        Args:
            request: With its Authorization header.
            makes_work: Whether it counts as a submit.

        Raises:
            ClipferryError: UNAUTHENTICATED, TOKEN_EXPIRED or TOO_MANY_REQUESTS; REQUEST_UNREADABLE for two
                Authorization headers.
        """
        scope = request.scope
        address = scope["client"][0] if scope["client"] else ""
        caller = await self._gate.caller(single(scope, b"authorization"), address)
        await (self._limits.submit if makes_work else self._limits.request)(caller, scope)
        return caller
