"""Memory statistics as clients see them."""

import msgspec

from clipferry.queue.v1 import job_pb2

_UNITS = ("B", "KB", "MB", "GB", "TB")


class MemoryView(msgspec.Struct, rename="camel", frozen=True):
    """Memory of the processors: what is in use, for a user by the own jobs. Bytes, and the same for people."""

    current: int
    """For a user what the own running jobs have reserved."""
    current_formatted: str
    peak: int | None
    """Most that was in use at once. Null for a user: it is known of all together only."""
    peak_formatted: str | None
    max: int
    """What the connected processors have, for everybody."""
    max_formatted: str
    utilization: int
    """`current` as whole percent of `max`."""
    active_allocations: int
    max_per_video: int
    max_per_video_formatted: str
    orphan_freed: int | None = 0
    """Bytes that cleanup took from finished jobs, in total. Null for a user, as `peak`."""


def memory_view(memory: job_pb2.MemoryStats, *, is_whole: bool) -> MemoryView:
    """Return `memory` for clients: the whole system's, or what one owner has of it."""
    return MemoryView(
        current=memory.current_bytes,
        current_formatted=formatted(memory.current_bytes),
        peak=memory.peak_bytes if is_whole else None,
        peak_formatted=formatted(memory.peak_bytes) if is_whole else None,
        max=memory.max_bytes,
        max_formatted=formatted(memory.max_bytes),
        utilization=memory.current_bytes * 100 // memory.max_bytes if memory.max_bytes else 0,
        active_allocations=memory.active_allocations,
        max_per_video=memory.max_per_video_bytes,
        max_per_video_formatted=formatted(memory.max_per_video_bytes),
        orphan_freed=memory.orphan_freed_bytes if is_whole else None,
    )


def formatted(size_bytes: int) -> str:
    """Return bytes for people: ``45 MB``, ``1.5 GB``; one decimal at most, and none that is zero."""
    value, unit = float(size_bytes), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    if size_bytes == 0:
        unit = 2
    return f"{value:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"
