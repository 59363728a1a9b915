"""Jobs and bytes that a user may use in a day."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.limits.usage import Usage, Used, day_ends_in_s, day_of
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_NO_LIMIT_JOBS = 2**31 - 1
_NO_LIMIT_BYTES = 2**63 - 1


@dataclass
class Place:
    """One job of the day's quota."""

    is_used: bool = True
    """Set to False when no job came of it: it is given back then."""


class Quotas:
    """Lets jobs in until the day (UTC) is used up. A retry counts as a job: it is as much work.

    A job counts when it is accepted. Bytes count when the video has arrived, because nobody knows them before: what a
    site says beforehand is missing or wrong too often to refuse people by. So the jobs that are under way when the
    last byte is used up still end well.

    Args:
        usage: What is used.
        clock: Tells the day.
        jobs: A user's jobs in a day; 0: no limit.
        size_bytes: A user's bytes in a day; 0: no limit.
    """

    def __init__(self, usage: Usage, clock: Clock, *, jobs: int, size_bytes: int) -> None:
        self._usage = usage
        self._clock = clock
        self._jobs = jobs
        self._size_bytes = size_bytes
        self._swept_day = 0

    @asynccontextmanager
    async def one_more(self, owner: str) -> AsyncIterator[Place]:
        """Take a place for one job; it is given back if the block raises or leaves it unused.

        Raises:
            ClipferryError: QUOTA_EXCEEDED, naming what is used, the limit and when it starts anew.
        """
        if not self._jobs and not self._size_bytes:
            yield Place()
            return
        now_ms = self._clock.time_ms()
        day = day_of(now_ms)
        await self._sweep(day)
        used = await self._usage.take(
            owner, day, jobs=self._jobs or _NO_LIMIT_JOBS, size_bytes=self._size_bytes or _NO_LIMIT_BYTES
        )
        if not used.is_admitted:
            raise self._refusal(owner, used, day_ends_in_s(now_ms))
        place = Place()
        try:
            yield place
        except BaseException:
            place.is_used = False
            raise
        finally:
            if not place.is_used:
                await self._usage.give_back(owner, day)

    async def _sweep(self, day: int) -> None:
        if day != self._swept_day:
            self._swept_day = day
            await self._usage.sweep(day)

    def _refusal(self, owner: str, used: Used, resets_in_s: float) -> ClipferryError:
        if self._jobs and used.job_count >= self._jobs:
            said, count, limit, what = "", used.job_count, self._jobs, "jobs"
        else:
            said, count, limit, what = " have arrived and", used.size_bytes, self._size_bytes, "bytes"
        return ClipferryError(
            Reason.QUOTA_EXCEEDED,
            f"{count} {what}{said} are used of the {limit} that {owner!r} has a day; the day ends at 00:00 UTC,"
            f" in {resets_in_s / 3600:.1f} hours.",
            retry_after_s=resets_in_s,
            **{f"used_{what}": count, f"limit_{what}": limit},
        )
