"""Whether a service can do its work at the moment: what every call needs is tried when somebody asks."""

import asyncio
from collections.abc import Awaitable, Callable

from services.chassis.errors import ClipferryError

_TRY_S = 1.0
"""How long a try may take; the orchestrator's own limit is above it."""

Attempt = Callable[[], Awaitable[object]]
"""Does a little of what every call needs.

Raises:
    ClipferryError: When it is not there.
"""


class Readiness:
    """Answers from one try at a time, however many ask at once: whoever asks need not be known.

    Args:
        attempt: What is tried. None: nothing is needed.
    """

    def __init__(self, attempt: Attempt | None) -> None:
        self._attempt = attempt
        self._trying: asyncio.Task[bool] | None = None

    async def look(self) -> bool:
        """Return whether it is there now."""
        if self._attempt is None:
            return True
        if self._trying is None or self._trying.done():
            self._trying = asyncio.create_task(_succeeds(self._attempt), name="readiness")
        return await asyncio.shield(self._trying)


async def _succeeds(attempt: Attempt) -> bool:
    try:
        async with asyncio.timeout(_TRY_S):
            await attempt()
    except (ClipferryError, TimeoutError):
        return False
    return True
