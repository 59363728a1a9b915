"""The processors as an admin sees them."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from clipferry.queue.v1 import queue_service_pb2
from gateway.views.memory import formatted


class WorkerView(msgspec.Struct, rename="camel", frozen=True):
    """A processor that is connected."""

    name: str
    """Of its machine or pod, with a part that differs at each start."""
    state: Literal["free", "busy", "full"]
    """full: each of its places is taken."""
    slots: int
    """Jobs that it can run at once."""
    slots_busy: int
    """Jobs that it runs now."""
    slots_free: int
    memory_usage: int
    """Bytes that its videos hold."""
    memory_usage_formatted: str
    memory_peak: int
    """Most bytes that they ever held at once."""
    memory_peak_formatted: str
    memory_max: int
    """Most bytes that they may hold."""
    memory_max_formatted: str
    ytdlp_version: str | None
    """Null when it did not say."""


class WorkerListView(msgspec.Struct, rename="camel", frozen=True):
    """Processors, by name."""

    workers: list[WorkerView]


def worker_list_view(workers: Iterable[queue_service_pb2.WorkerStats]) -> WorkerListView:
    """Return `workers` for an admin."""
    return WorkerListView([_view(worker) for worker in workers])


def _view(worker: queue_service_pb2.WorkerStats) -> WorkerView:
    # What a lost connection left behind may still count for a while.
    free, memory = max(worker.slots_total - worker.slots_busy, 0), worker.memory
    return WorkerView(
        name=worker.worker_id,
        state="full" if free == 0 else "busy" if worker.slots_busy else "free",
        slots=worker.slots_total,
        slots_busy=worker.slots_busy,
        slots_free=free,
        memory_usage=memory.current_bytes,
        memory_usage_formatted=formatted(memory.current_bytes),
        memory_peak=memory.peak_bytes,
        memory_peak_formatted=formatted(memory.peak_bytes),
        memory_max=memory.max_bytes,
        memory_max_formatted=formatted(memory.max_bytes),
        ytdlp_version=worker.ytdlp_version or None,
    )
