"""The queue's statistics as clients see them."""

import msgspec

from clipferry.queue.v1 import job_pb2
from gateway.views.memory import memory_view
from services.chassis.wire import span_s


class WebSocketView(msgspec.Struct, rename="camel", frozen=True):
    """The live connections of the gateway that answers: for an admin all, for a user the own."""

    enabled: bool
    """False: live updates are switched off, and clients poll."""
    connected_clients: int
    job_subscriptions: int
    queue_subscriptions: int
    memory_subscriptions: int
    total_connections: int | None
    """Since the gateway started. Null for a user: only all together are counted."""
    slow_clients_dropped: int | None
    """Clients that stopped reading and were dropped, since the gateway started. Null for a user, as before."""
    ping_interval: int
    """Milliseconds between text pings."""


class StatsView(msgspec.Struct, rename="camel", frozen=True):
    """The queue at one moment: jobs, workers, memory, speed and settings.

    An admin sees the whole system. For a user all that counts jobs, what they use and how fast they end is of the own
    jobs alone; processors, limits and settings are everybody's.
    """

    queued: int
    """Jobs that wait, retries included."""
    processing: int
    """Jobs that run, those being sent included."""
    completed: int
    failed: int
    total_processed: int
    """Jobs that ended: for an admin ever, for a user those that are kept."""
    active_workers: int
    """Jobs that run now."""
    max_workers: int
    """Jobs that the connected processors can run at once."""
    memory_usage: int
    memory_usage_formatted: str
    max_memory: int
    max_memory_formatted: str
    memory_utilization: int
    """Whole percent."""
    peak_memory_usage: int | None
    """Null for a user: it is known of all together only."""
    peak_memory_formatted: str | None
    uptime: int
    """Of the queue, in whole seconds."""
    throughput_per_minute: float
    """Jobs that ended in the last minute."""
    web_socket: WebSocketView | None
    """Null when live updates are switched off."""
    real_time_updates: bool
    max_queue_size: int
    memory_processing: bool
    auto_cleanup: bool
    cancelled: int
    workers: int
    """Processors that are connected."""
    oldest_age_ms: int | None
    """Milliseconds that the oldest waiting job has waited."""
    ytdlp_versions: list[str]


def stats_view(stats: job_pb2.Stats, web_socket: WebSocketView | None, *, is_whole: bool) -> StatsView:
    """Return `stats` for clients: the whole system's, or what one owner has of it."""
    jobs, memory = stats.jobs_by_state, memory_view(stats.memory, is_whole=is_whole)
    return StatsView(
        queued=jobs.get("QUEUED", 0) + jobs.get("RETRY_WAIT", 0),
        processing=jobs.get("PROCESSING", 0) + jobs.get("SENDING", 0),
        completed=jobs.get("COMPLETED", 0),
        failed=jobs.get("FAILED", 0),
        total_processed=stats.total_processed,
        active_workers=stats.slots_busy,
        max_workers=stats.slots_total,
        memory_usage=memory.current,
        memory_usage_formatted=memory.current_formatted,
        max_memory=memory.max,
        max_memory_formatted=memory.max_formatted,
        memory_utilization=memory.utilization,
        peak_memory_usage=memory.peak,
        peak_memory_formatted=memory.peak_formatted,
        uptime=round(span_s(stats.uptime)),
        throughput_per_minute=stats.throughput_per_minute,
        web_socket=web_socket,
        real_time_updates=web_socket is not None,
        max_queue_size=stats.max_queue_size,
        memory_processing=stats.memory_processing,
        auto_cleanup=stats.auto_cleanup,
        cancelled=jobs.get("CANCELLED", 0),
        workers=stats.workers,
        oldest_age_ms=(round(span_s(stats.oldest_queued_age) * 1000) if stats.HasField("oldest_queued_age") else None),
        ytdlp_versions=list(stats.ytdlp_versions),
    )
