"""The queue's and the memory's numbers, and the health of the whole, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.words import duration

Facts = Sequence[tuple[str, object]]
"""Names and values; None: not known, or not told to this user."""

_STATES = {"ok": "all is well", "degraded": "degraded", "unavailable": "unavailable: the queue is away"}
_SERVICES = {"ok": "answers", "none": "none is connected: jobs wait", "unreachable": "cannot be reached"}


def queue_facts(found: Mapping[str, Any]) -> dict[str, Facts]:
    """Return what ``/api/queue/stats`` says."""
    oldest_ms, sockets = found["oldestAgeMs"], found["webSocket"] or {}
    return {
        "Jobs": [
            ("waiting", f"{found['queued']} of at most {found['maxQueueSize']}"),
            ("oldest has waited", None if oldest_ms is None else duration(oldest_ms / 1000)),
            ("running", found["processing"]),
            ("completed", found["completed"]),
            ("failed", found["failed"]),
            ("cancelled", found["cancelled"]),
            ("ended in the last minute", f"{found['throughputPerMinute']:g}"),
            ("ended so far", found["totalProcessed"]),
        ],
        "Processors": [
            ("connected", found["workers"]),
            ("places", f"{found['activeWorkers']} of {found['maxWorkers']} taken"),
            ("yt-dlp", ", ".join(found["ytdlpVersions"]) or None),
        ],
        "Memory": [
            (
                "reserved",
                f"{found['memoryUsageFormatted']} of {found['maxMemoryFormatted']} ({found['memoryUtilization']} %)",
            ),
            ("most at once", found["peakMemoryFormatted"]),
        ],
        "Gateway": [
            ("live updates", "on" if found["realTimeUpdates"] else "off"),
            ("live connections", sockets.get("connectedClients")),
            ("dropped for not reading", sockets.get("slowClientsDropped")),
        ],
        "Queue": [("up for", duration(found["uptime"]))],
    }


def memory_facts(found: Mapping[str, Any]) -> Facts:
    """Return what ``/api/memory/stats`` says, and the part of the health that is the same."""
    used, freed = found["currentFormatted"], found["orphanFreed"]
    whole = found["maxFormatted"]
    return [
        ("reserved", f"{whole} in all" if used is None else f"{used} of {whole} ({found['utilization']} %)"),
        ("most at once", found["peakFormatted"]),
        ("videos in memory", found["activeAllocations"]),
        ("most for one video", found["maxPerVideoFormatted"]),
        ("taken back from ended jobs", None if freed is None else f"{freed:,} bytes"),
    ]


def health_facts(url: str, found: Mapping[str, Any]) -> dict[str, Facts]:
    """Return what ``/health`` says."""
    services = found["services"]
    count = services["processor"].get("count")
    processors = f"{count} connected" if count else _service(services["processor"])
    return {
        f"clipferry at {url}": [
            ("health", _STATES.get(found["status"], found["status"])),
            ("queue", f"{_service(services['queue'])}, up for {duration(found['uptime'])}"),
            ("processors", processors),
            ("store of the gateway", _service(services["store"])),
            ("live updates", "on" if found["realTimeUpdates"] else "off"),
        ],
        "Memory": memory_facts(found["memory"]),
    }


def _service(found: Mapping[str, Any]) -> str:
    return _SERVICES.get(found["status"], str(found["status"]))
