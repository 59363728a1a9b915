"""Whether the parts work together, as operators see it."""

import msgspec

from clipferry.queue.v1 import job_pb2
from gateway.views.memory import MemoryView, memory_view
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


class HealthView(msgspec.Struct, rename="camel", frozen=True):
    """Health of the whole."""

    status: str
    """ok; degraded when no processor is connected, so that jobs wait, or when the gateway's own store is away, so that
    only those get in who were here before; unavailable when the queue is away."""
    services: ServicesView
    memory: MemoryView
    uptime: int
    """Whole seconds that the queue has been up."""
    real_time_updates: bool
    timestamp: str


def health_view(
    stats: job_pb2.Stats, *, queue_is_reachable: bool, store_is_ready: bool, now: str, real_time: bool
) -> HealthView:
    """Return the health that `stats` tell of; they may be old or empty when the queue is away."""
    if not queue_is_reachable:
        status, processor = "unavailable", ServiceView("unknown")
    elif stats.workers == 0:
        status, processor = "degraded", ServiceView("none", 0)
    else:
        status, processor = "ok" if store_is_ready else "degraded", ServiceView("ok", stats.workers)
    return HealthView(
        status=status,
        services=ServicesView(_service(queue_is_reachable), processor, _service(store_is_ready)),
        memory=memory_view(stats.memory),
        uptime=round(span_s(stats.uptime)),
        real_time_updates=real_time,
        timestamp=now,
    )


def _service(is_there: bool) -> ServiceView:
    return ServiceView("ok" if is_there else "unreachable")
