"""Jobs and bytes that a user may use in a day."""

from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

from gateway.limits.fields import LIMIT_FIELDS, used_up_fields
from gateway.limits.usage import Usage, Used, day_ends_in_s, day_of
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

_NO_LIMIT_JOBS = 2**31 - 1
_NO_LIMIT_BYTES = 2**63 - 1


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

    def one_more(self, owner: str, scope: MutableMapping[str, Any]) -> "Place":
        """Take a place for one job, for the length of a block.

        Args:
            owner: Whose job it is.
            scope: Of the request; if it is refused, it gets what the answer tells of the quota.

        Raises:
            ClipferryError: As the block begins: QUOTA_EXCEEDED, naming what is used, the limit and when it starts anew.
        """
        return Place(self, owner, scope)

    async def take(self, owner: str, scope: MutableMapping[str, Any]) -> int | None:
        """Take a place; returns the day that it is of, or None when there is no quota. Raises as `one_more` does."""
        if not self._jobs and not self._size_bytes:
            return None
        now_ms = self._clock.time_ms()
        day = day_of(now_ms)
        await self._sweep(day)
        used = await self._usage.take(
            owner, day, jobs=self._jobs or _NO_LIMIT_JOBS, size_bytes=self._size_bytes or _NO_LIMIT_BYTES
        )
        if not used.is_admitted:
            raise self._refusal(owner, scope, used, day_ends_in_s(now_ms))
        return day

    async def give_back(self, owner: str, day: int) -> None:
        """Give back a place of `day`."""
        await self._usage.give_back(owner, day)

    async def _sweep(self, day: int) -> None:
        if day != self._swept_day:
            self._swept_day = day
            await self._usage.sweep(day)

    def _refusal(self, owner: str, scope: MutableMapping[str, Any], used: Used, resets_in_s: float) -> ClipferryError:
        if self._jobs and used.job_count >= self._jobs:
            said, count, limit, what = "", used.job_count, self._jobs, "jobs"
        else:
            said, count, limit, what = " have arrived and", used.size_bytes, self._size_bytes, "bytes"
        scope[LIMIT_FIELDS] = used_up_fields(f"{what}-per-day", limit, resets_in_s)
        return ClipferryError(
            Reason.QUOTA_EXCEEDED,
            f"{count} {what}{said} are used of the {limit} that {owner!r} has a day; the day ends at 00:00 UTC,"
            f" in {resets_in_s / 3600:.1f} hours.",
            retry_after_s=resets_in_s,
            **{f"used_{what}": count, f"limit_{what}": limit},
        )


class Place:
    """One job of the day's quota, for the length of a block; given back if the block raises or leaves it unused."""

    def __init__(self, quotas: Quotas, owner: str, scope: MutableMapping[str, Any]) -> None:
        self._quotas = quotas
        self._owner = owner
        self._scope = scope
        self._day: int | None = None
        self.is_used = True
        """Set to False when no job came of it."""

    async def __aenter__(self) -> "Place":
        self._day = await self._quotas.take(self._owner, self._scope)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._day is not None and (kind is not None or not self.is_used):
            await self._quotas.give_back(self._owner, self._day)
