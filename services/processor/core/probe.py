"""Looking at a page without a job."""

import asyncio
import itertools

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.blame import naming_page
from services.processor.core.plan import Limits, Plan, make_plan
from services.processor.core.ports import Downloader
from services.processor.core.run import FetchRequest, Found


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

    async def probe(self, request: FetchRequest) -> tuple[Found, Plan]:
        """Return what is on the page and what a job would do with it.

        Raises:
            ClipferryError: PROBE_BUSY when no slot became free in time, TIMED_OUT, or the site's fault.
        """
        await self._enter()
        try:
            async with asyncio.timeout(self._timeout_s):
                with naming_page(request.url):
                    found = await self._extract(request)
        except TimeoutError:
            raise ClipferryError(
                Reason.TIMED_OUT,
                f"The page could not be looked at within {self._timeout_s:g} s.",
                limit_s=self._timeout_s,
            ) from None
        finally:
            self._slots.release()
        return found, make_plan(found, request, self._limits)

    async def _enter(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise ClipferryError(Reason.PROBE_BUSY, retry_after_s=self._wait_s or 1.0) from None

    async def _extract(self, request: FetchRequest) -> Found:
        async with self._downloader.fetch(request, job_name=f"probes/{next(self._ids)}") as fetch:
            return await fetch.extract()
