"""What this process and its children write to disks: of video it must be nothing, and this is how it is watched."""

from collections.abc import Iterable
from pathlib import Path

from services.chassis.metrics import Gauge, Reading

DISK_WRITES = Gauge(
    "clipferry_disk_write_bytes",
    "Bytes that this process and its children have caused to be written to disks, as the kernel counts them.",
)


async def disk_writes() -> Iterable[Reading]:
    """Return the bytes of the process and all that come from it; nothing where the kernel does not tell."""
    try:
        return (Reading(DISK_WRITES, _written(Path("/proc/self"))),)
    except OSError:
        return ()


def _written(proc: Path) -> int:
    """Return the bytes of one process, of its children that have ended, which it inherits, and of those that live."""
    counters = dict(line.split(": ") for line in (proc / "io").read_text().splitlines())
    return int(counters["write_bytes"]) + sum(
        _written_if_alive(Path("/proc", pid))
        for children in proc.glob("task/*/children")
        for pid in children.read_text().split()
    )


def _written_if_alive(proc: Path) -> int:
    try:
        return _written(proc)
    except OSError:
        return 0
