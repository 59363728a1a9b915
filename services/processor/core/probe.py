"""Looking at a page without a job."""

import asyncio
import contextlib
import itertools
from typing import NamedTuple

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.blame import naming_page
from services.processor.core.plan import Limits, Plan, make_plan
from services.processor.core.ports import Downloader, Fetch
from services.processor.core.run import FetchRequest, Found

_PICTURE_TIMEOUT_S = 8.0
"""How long the picture may take, within what is left of the probe's own time: somebody waits for the plan."""
_PICTURE_LIMIT_BYTES = 65_536


class Probed(NamedTuple):
    """What a look at a page tells."""

    found: Found
    plan: Plan
    thumbnail: bytes
    """The site's picture, a JPEG of at most 320 pixels a side and 65,536 bytes; empty when there is none."""


class Prober:
    """Looks at pages in slots of its own, so that probes and jobs do not wait for each other.

    Args:
        wait_s: How long a probe waits for its slot.
        timeout_s: How long it may take then.
    """

    def __init__(self, downloader: Downloader, limits: Limits, *, slots: int, wait_s: float, timeout_s: float) -> None:
        self._downloader = downloader
        self._limits = limits
        self._slots = asyncio.Semaphore(slots)
        self._wait_s = wait_s
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)

    async def probe(self, request: FetchRequest) -> Probed:
        """Return what is on the page and what a job would do with it.

        Raises:
            ClipferryError: PROBE_BUSY when no slot became free in time, TIMED_OUT, or the site's fault.
        """
        await self._enter()
        try:
            async with asyncio.timeout(self._timeout_s):
                with naming_page(request.url):
                    found, thumbnail = await self._look(request)
        except TimeoutError:
            raise ClipferryError(
                Reason.TIMED_OUT,
                f"The page could not be looked at within {self._timeout_s:g} s.",
                limit_s=self._timeout_s,
            ) from None
        finally:
            self._slots.release()
        return Probed(found, make_plan(found, request, self._limits), thumbnail)

    async def _enter(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise ClipferryError(Reason.PROBE_BUSY, retry_after_s=self._wait_s or 1.0) from None

    async def _look(self, request: FetchRequest) -> tuple[Found, bytes]:
        ends_at_s = asyncio.get_running_loop().time() + self._timeout_s
        async with self._downloader.fetch(request, job_name=f"probes/{next(self._ids)}") as fetch:
            found = await fetch.extract()
            left_s = ends_at_s - asyncio.get_running_loop().time()
            return found, await _picture(fetch, within_s=min(_PICTURE_TIMEOUT_S, left_s / 2))


async def _picture(fetch: Fetch, *, within_s: float) -> bytes:
    """Return the picture; empty when it cannot be had, which is nobody's failure."""
    with contextlib.suppress(ClipferryError, TimeoutError):
        async with asyncio.timeout(within_s):
            picture = await fetch.picture()
            return picture if len(picture) <= _PICTURE_LIMIT_BYTES else b""
    return b""
