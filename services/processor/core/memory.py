"""What every job may hold of the memory behind the downloads, and what they hold together."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_EXHAUSTED_PERCENT = 95
"""Above this share nothing new is admitted, so that what runs can still grow."""


@dataclass(frozen=True, kw_only=True)
class MemoryStats:
    """How much is held now and was at most."""

    current_bytes: int
    peak_bytes: int
    """Most that was ever held at once since the start."""
    max_bytes: int
    max_per_video_bytes: int
    active_allocations: int
    """Jobs that hold something."""
    utilization_percent: int
    """`current_bytes` in `max_bytes`, rounded."""
    orphan_freed_bytes: int
    """Bytes that `MemoryBudget.clean_up` took back, in total."""

    @property
    def free_bytes(self) -> int:
        """Bytes that nobody holds."""
        return max(0, self.max_bytes - self.current_bytes)


class MemoryBudget:
    """Keeps the account. Holds no memory itself, and is used from one thread.

    Args:
        max_bytes: Most that all jobs may hold together.
        max_per_video_bytes: Most bytes of one finished video.
        warning_percent: Share of `max_bytes` above which each rise is worth a warning.
        debug: Whether every change writes a log line.
        on_warning: Called with the share in percent each time it rises over `warning_percent`.
        on_cleanup: Called with the bytes that `clean_up` took back.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        max_per_video_bytes: int,
        warning_percent: float = 80,
        debug: bool = False,
        on_warning: Callable[[float], None] = lambda _percent: None,
        on_cleanup: Callable[[int], None] = lambda _freed_bytes: None,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_per_video_bytes = max_per_video_bytes
        self._warning_percent = warning_percent
        self._debug = debug
        self._on_warning = on_warning
        self._on_cleanup = on_cleanup
        self._held: dict[str, int] = {}
        self._current_bytes = 0
        self._peak_bytes = 0
        self._orphan_freed_bytes = 0

    def validate(self, wanted_bytes: int) -> None:
        """Check that a video of `wanted_bytes` could be taken in now.

        Raises:
            ClipferryError: VIDEO_TOO_LARGE over the limit of one video; MEMORY_BUDGET when there is no room now.
        """
        if wanted_bytes > self._max_per_video_bytes:
            raise ClipferryError(
                Reason.VIDEO_TOO_LARGE,
                f"The video has {wanted_bytes} bytes; the limit is {self._max_per_video_bytes} bytes.",
                size_bytes=wanted_bytes,
                limit_bytes=self._max_per_video_bytes,
            )
        if not self.can_admit(wanted_bytes):
            raise self._exhausted(wanted_bytes)

    def can_admit(self, wanted_bytes: int) -> bool:
        """Return whether a job may begin to hold `wanted_bytes` now.

        The share of 95 % is kept free of newcomers; a job that has the memory for itself may fill it.
        """
        total_bytes = self._current_bytes + wanted_bytes
        if not self._held:
            return wanted_bytes <= self._max_bytes
        return total_bytes * 100 <= self._max_bytes * _EXHAUSTED_PERCENT

    def allocate(self, job_name: str, wanted_bytes: int) -> None:
        """Hold `wanted_bytes` for a job that holds nothing.

        Raises:
            ClipferryError: MEMORY_BUDGET when there is no room; nothing is held then.
            ValueError: When the job holds something already: a bug of the caller.
        """
        if job_name in self._held:
            raise ValueError(f"{job_name} holds {self._held[job_name]} bytes already")
        if not self.can_admit(wanted_bytes):
            raise self._exhausted(wanted_bytes)
        self._set(job_name, wanted_bytes)

    def resize(self, job_name: str, wanted_bytes: int) -> None:
        """Hold `wanted_bytes` for a job in place of what it holds. Growing may use the last 5 %.

        Raises:
            ClipferryError: MEMORY_BUDGET when it would pass `max_bytes`; what it held stays held.
            KeyError: When the job holds nothing: a bug of the caller.
        """
        grown_bytes = wanted_bytes - self._held[job_name]
        if grown_bytes > 0 and self._current_bytes + grown_bytes > self._max_bytes:
            raise self._exhausted(grown_bytes)
        self._set(job_name, wanted_bytes)

    def free(self, job_name: str) -> int:
        """Give back what a job holds, if anything; returns the bytes."""
        freed_bytes = self._held.pop(job_name, 0)
        self._current_bytes -= freed_bytes
        if self._debug and freed_bytes:
            logger.info("Memory was freed.", action="memory_freed", job_name=job_name, freed_bytes=freed_bytes)
        return freed_bytes

    def clean_up(self, active_job_names: Collection[str]) -> int:
        """Give back what jobs hold that do not run any more; returns the bytes."""
        orphans = [job_name for job_name in self._held if job_name not in active_job_names]
        freed_bytes = sum(self.free(job_name) for job_name in orphans)
        if freed_bytes:
            self._orphan_freed_bytes += freed_bytes
            logger.warning(
                "Memory of jobs that do not run was freed.",
                action="memory_cleanup",
                freed_bytes=freed_bytes,
                job_count=len(orphans),
            )
            self._on_cleanup(freed_bytes)
        return freed_bytes

    def stats(self) -> MemoryStats:
        """Return the figures of this moment."""
        return MemoryStats(
            current_bytes=self._current_bytes,
            peak_bytes=self._peak_bytes,
            max_bytes=self._max_bytes,
            max_per_video_bytes=self._max_per_video_bytes,
            active_allocations=len(self._held),
            utilization_percent=round(self._percent),
            orphan_freed_bytes=self._orphan_freed_bytes,
        )

    @property
    def _percent(self) -> float:
        return 100 * self._current_bytes / self._max_bytes

    def _set(self, job_name: str, wanted_bytes: int) -> None:
        before_percent = self._percent
        self._current_bytes += wanted_bytes - self._held.get(job_name, 0)
        self._held[job_name] = wanted_bytes
        self._peak_bytes = max(self._peak_bytes, self._current_bytes)
        if self._debug:
            logger.info("Memory was set.", action="memory_set", job_name=job_name, held_bytes=wanted_bytes)
        if before_percent <= self._warning_percent < self._percent:
            self._warn()

    def _warn(self) -> None:
        logger.warning(
            "Much of the memory is in use.",
            action="memory_high",
            utilization_percent=round(self._percent, 1),
            threshold_percent=self._warning_percent,
            current_bytes=self._current_bytes,
            max_bytes=self._max_bytes,
        )
        self._on_warning(self._percent)

    def _exhausted(self, wanted_bytes: int) -> ClipferryError:
        return ClipferryError(
            Reason.MEMORY_BUDGET,
            f"{wanted_bytes} more bytes do not fit: {self._current_bytes} of {self._max_bytes} bytes are in use.",
            wanted_bytes=wanted_bytes,
            current_bytes=self._current_bytes,
            limit_bytes=self._max_bytes,
        )
