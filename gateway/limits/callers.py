"""The limits of those who are signed in."""

from collections.abc import MutableMapping
from typing import Any

from gateway.auth.caller import Caller
from gateway.limits.fields import LIMIT_FIELDS, rate_fields
from gateway.limits.gcra import Rate, Verdict
from gateway.limits.limiter import Limiter, too_many


class CallerLimits:
    """Each user's pace, wherever the requests come from and whichever gateway they reach.

    Args:
        limiter: What counts.
        submits: Of requests that make work; None: no limit.
        requests: Of all other requests; None: no limit.
    """

    def __init__(self, limiter: Limiter, *, submits: Rate | None, requests: Rate | None) -> None:
        self._limiter = limiter
        self._submits = submits
        self._requests = requests

    async def submit(self, caller: Caller, scope: MutableMapping[str, Any]) -> None:
        """Count one request that makes work.

        Args:
            caller: Who asks.
            scope: Of the request; it gets what the answer tells of the limit.

        Raises:
            ClipferryError: TOO_MANY_REQUESTS.
        """
        await self._take(self._submits, caller, scope)

    async def request(self, caller: Caller, scope: MutableMapping[str, Any]) -> None:
        """Count one of the other requests. See `submit`."""
        await self._take(self._requests, caller, scope)

    async def _take(self, rate: Rate | None, caller: Caller, scope: MutableMapping[str, Any]) -> None:
        if rate is None:
            return
        said: Verdict = await self._limiter.take(caller.user_id, rate)
        scope[LIMIT_FIELDS] = rate_fields(said)
        if not said.is_admitted:
            raise too_many(said, f"The user {caller.user_id!r}")
