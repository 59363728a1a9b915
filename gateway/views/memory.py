"""Memory statistics as clients see them."""

import msgspec

from clipferry.queue.v1 import job_pb2

_UNITS = ("B", "KB", "MB", "GB", "TB")


class MemoryView(msgspec.Struct, rename="camel", frozen=True):
    """Memory of the processors. Bytes, and the same for people."""

    current: int
    current_formatted: str
    peak: int
    peak_formatted: str
    max: int
    max_formatted: str
    utilization: int
    """Whole percent of `max`."""
    active_allocations: int
    max_per_video: int
    max_per_video_formatted: str
    orphan_freed: int = 0
    """Bytes that cleanup took from finished jobs, in total."""


def memory_view(memory: job_pb2.MemoryStats) -> MemoryView:
    """Return `memory` for clients."""
    return MemoryView(
        current=memory.current_bytes,
        current_formatted=formatted(memory.current_bytes),
        peak=memory.peak_bytes,
        peak_formatted=formatted(memory.peak_bytes),
        max=memory.max_bytes,
        max_formatted=formatted(memory.max_bytes),
        utilization=memory.current_bytes * 100 // memory.max_bytes if memory.max_bytes else 0,
        active_allocations=memory.active_allocations,
        max_per_video=memory.max_per_video_bytes,
        max_per_video_formatted=formatted(memory.max_per_video_bytes),
        orphan_freed=memory.orphan_freed_bytes,
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
