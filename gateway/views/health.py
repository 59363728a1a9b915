"""Whether the parts work together, as operators see it."""

import msgspec

from clipferry.queue.v1 import job_pb2
from gateway.views.memory import memory_view
from services.chassis.wire import span_s


class ServiceView(msgspec.Struct, rename="camel", frozen=True):
    """One kind of service."""

    status: str
    """ok, unreachable, none (no processor is connected) or unknown."""
    count: int | None = None
    """Processors that are connected."""


class ServicesView(msgspec.Struct, rename="camel", frozen=True):
    """The services behind the gateway."""

    queue: ServiceView
    processor: ServiceView
    store: ServiceView
    """The gateway's own."""


class HealthMemoryView(msgspec.Struct, rename="camel", frozen=True):
    """Memory of the processors. How much of it is in use is told to admins; to others that is null.

    Whoever has jobs could work out from it when others have some, and how large these are.
    """

    current: int | None
    current_formatted: str | None
    peak: int | None
    peak_formatted: str | None
    max: int
    max_formatted: str
    utilization: int | None
    """`current` as whole percent of `max`."""
    active_allocations: int | None
    max_per_video: int
    max_per_video_formatted: str
    orphan_freed: int | None
    """Bytes that cleanup took from finished jobs, in total."""


_USE = ("current", "current_formatted", "peak", "peak_formatted", "utilization", "active_allocations", "orphan_freed")


class HealthView(msgspec.Struct, rename="camel", frozen=True):
    """Health of the whole."""

    status: str
    """ok; degraded when no processor is connected, so that jobs wait, or when the gateway's own store is away, so that
    only those get in who were here before; unavailable when the queue is away."""
    services: ServicesView
    memory: HealthMemoryView
    uptime: int
    """Whole seconds that the queue has been up."""
    real_time_updates: bool
    timestamp: str


def health_view(
    stats: job_pb2.Stats,
    *,
    queue_is_reachable: bool,
    store_is_ready: bool,
    now: str,
    real_time: bool,
    shows_use: bool,
) -> HealthView:
    """Return the health that `stats` of the whole tell of; they may be old or empty when the queue is away.

    Args:
        shows_use: Whether how much memory is in use is told.
    """
    if not queue_is_reachable:
        status, processor = "unavailable", ServiceView("unknown")
    elif stats.workers == 0:
        status, processor = "degraded", ServiceView("none", 0)
    else:
        status, processor = "ok" if store_is_ready else "degraded", ServiceView("ok", stats.workers)
    return HealthView(
        status=status,
        services=ServicesView(_service(queue_is_reachable), processor, _service(store_is_ready)),
        memory=_memory(stats.memory, shows_use=shows_use),
        uptime=round(span_s(stats.uptime)),
        real_time_updates=real_time,
        timestamp=now,
    )


def _memory(memory: job_pb2.MemoryStats, *, shows_use: bool) -> HealthMemoryView:
    view = msgspec.structs.asdict(memory_view(memory, is_whole=True))
    return HealthMemoryView(**view if shows_use else view | dict.fromkeys(_USE))


def _service(is_there: bool) -> ServiceView:
    return ServiceView("ok" if is_there else "unreachable")
