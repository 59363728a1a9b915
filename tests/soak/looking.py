"""Looking at the processes of a stack, and at what they keep."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
import psutil

from tests.bench.footprint import held_bytes
from tests.fakes.shown_metrics import Numbers, shown_metrics
from tests.processes.stack import Stack
from tests.soak.series import CHILDREN, DESCRIPTORS, LAG, PSS, RSS, SIZE, TASKS, THREADS, WAL, Measure

_MB = 1_000_000
_LAG = "clipferry_event_loop_lag_seconds"
FORKSERVER = "forkserver"


class Looker:
    """Looks at a stack.

    Args:
        metrics_ports: Where each service shows its metrics.
    """

    def __init__(self, stack: Stack, http: httpx.AsyncClient, metrics_ports: Mapping[str, int]) -> None:
        self._stack = stack
        self._http = http
        self._ports = metrics_ports
        self._lags: dict[str, tuple[float, float]] = {}
        self.metrics: dict[str, Numbers] = {}
        """What each service has shown last."""

    async def look(self) -> dict[Measure, float]:
        """Return what is to be seen now."""
        found: dict[Measure, float] = {}
        for name in self._stack.programs:
            found |= _of_process(name, psutil.Process(self._stack.pid(name)))
        found |= self._of_downloaders()
        found |= self._of_files()
        for name, port in self._ports.items():
            self.metrics[name] = await shown_metrics(self._http, port)
            found |= self._of_loop(name)
        return found

    def _of_downloaders(self) -> dict[Measure, float]:
        """Of the server that forks a downloader for each job, and how many processes there are below it."""
        # The oldest child: others are ffmpeg's, which come and go.
        children = sorted(psutil.Process(self._stack.pid("processor")).children(), key=psutil.Process.create_time)
        found: dict[Measure, float] = {Measure("processor", CHILDREN): len(children)}
        if children:
            found |= _of_process(FORKSERVER, children[0])
            found[Measure(FORKSERVER, CHILDREN)] = len(children[0].children(recursive=True))
        return found

    def _of_files(self) -> dict[Measure, float]:
        directory = self._stack.directory
        videos = held_bytes(self._stack.tmpfs_dir, self._stack.pid("processor"))
        found = {Measure("tmpfs", SIZE): videos / _MB}
        for name in ("queue.db", "gateway.db"):
            found[Measure(name, SIZE)] = _bytes([directory / name]) / _MB
            found[Measure(name, WAL)] = _bytes([directory / f"{name}-wal"]) / _MB
        found[Measure("logs", SIZE)] = _bytes(directory.glob("*.log")) / _MB
        return found

    def _of_loop(self, name: str) -> dict[Measure, float]:
        shown = self.metrics[name]
        found = {Measure(name, TASKS): shown["clipferry_event_loop_tasks"]}
        now = shown.get(f"{_LAG}_sum", 0.0), shown.get(f"{_LAG}_count", 0.0)
        before = self._lags.get(name, (0.0, 0.0))
        self._lags[name] = now
        if now[1] > before[1]:
            found[Measure(name, LAG)] = (now[0] - before[0]) / (now[1] - before[1]) * 1000
        return found

    def lag_p99_s(self, name: str) -> float:
        """Return below which bound the loop of a service came late in 99 of 100 looks, since its start."""
        shown = self.metrics[name]
        bounds = {
            float(bucket.partition('le="')[2].removesuffix('"}')): count
            for bucket, count in shown.items()
            if bucket.startswith(f"{_LAG}_bucket")
        }
        return min(bound for bound, count in bounds.items() if count >= 0.99 * shown[f"{_LAG}_count"])


def _of_process(name: str, process: psutil.Process) -> dict[Measure, float]:
    with process.oneshot():
        memory = process.memory_full_info()
        return {
            Measure(name, RSS): memory.rss / _MB,
            Measure(name, PSS): memory.pss / _MB,
            Measure(name, DESCRIPTORS): process.num_fds(),
            Measure(name, THREADS): process.num_threads(),
        }


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())
