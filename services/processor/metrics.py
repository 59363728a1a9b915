"""What a processor tells of itself."""

import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from services.chassis.metrics import Counter, Gauge, Reading
from services.processor.core.memory import MemoryStats

RUNS = Counter(
    "clipferry_processor_runs_total",
    "Runs that ended, by how: completed, failed (with the reason), released or lost.",
    ("outcome", "reason"),
)
BYTES = Counter("clipferry_processor_bytes_total", "Bytes of finished videos, fetched and sent.", ("direction",))
RUNNING = Gauge("clipferry_processor_running_runs", "Runs that are held now.")
SLOTS = Gauge("clipferry_processor_slots", "MAX_CONCURRENT_DOWNLOADS: runs that may be held at once.")
RESERVED = Gauge("clipferry_processor_memory_reserved_bytes", "Bytes that runs may hold on tmpfs.")
MOST_RESERVED = Gauge("clipferry_processor_memory_peak_bytes", "Most bytes that were ever reserved at once.")
MEMORY_LIMIT = Gauge("clipferry_processor_memory_limit_bytes", "MAX_TOTAL_MEMORY: bytes that may be reserved.")
USED = Gauge("clipferry_processor_tmpfs_used_bytes", "Bytes in use on the file system that holds videos.")


def readings_of(
    memory: Callable[[], MemoryStats], running: Callable[[], int], *, slots: int, tmpfs_dir: Path
) -> Callable[[], Awaitable[Iterable[Reading]]]:
    """Return what reads the processor's gauges."""

    async def readings() -> Iterable[Reading]:
        stats = memory()
        return [
            Reading(RUNNING, running()),
            Reading(SLOTS, slots),
            Reading(RESERVED, stats.current_bytes),
            Reading(MOST_RESERVED, stats.peak_bytes),
            Reading(MEMORY_LIMIT, stats.max_bytes),
            Reading(USED, shutil.disk_usage(tmpfs_dir).used if tmpfs_dir.exists() else 0),
        ]

    return readings
