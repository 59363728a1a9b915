"""The bytes' path from the processor to the Bot API's socket: speed, and what it costs in memory."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from services.chassis.allocator import keep_freed_memory
from services.chassis.channel import Link, open_link
from services.chassis.lifecycle import background
from services.processor.adapters.backends import NotifierDelivery
from services.processor.config import ProcessorSettings
from services.processor.core.run import FetchRequest, Header, MediaKind, Run
from tests.bench.figure import Compared, Figure
from tests.bench.lag import lag_p99_ms, note_lag
from tests.bench.memory import forget_peak, peak_rss_bytes, rss_bytes
from tests.bench.pipeline.sink import received_bytes
from tests.bench.process import process
from tests.fakes.notifier_tools import TOKEN
from tests.processes.ports import free_ports

SIZE_BYTES = 300_000_000
RUNS_COUNT = 5


@dataclass(frozen=True)
class Zeros:
    """A layout that costs nothing to read."""

    size_bytes: int

    def read(self, offset: int, length: int) -> bytes:
        """Return zeros."""
        return bytes(min(length, self.size_bytes - offset))


@dataclass
class _Runs:
    """What each run of ours has shown."""

    megabytes_per_s: list[float] = field(default_factory=list)
    notifier_growth: list[float] = field(default_factory=list)
    sender_growth: list[float] = field(default_factory=list)
    windows_s: list[tuple[float, float]] = field(default_factory=list)


async def upload_path() -> Sequence[Figure]:
    """Measure 300 MB through a notifier process, beside a plain streaming HTTP client to the same sink."""
    ports = free_ports(["sink", "notifier"])
    sink_url = f"http://127.0.0.1:{ports['sink']}"
    environment = {
        "NOTIFIER_LISTEN_ADDRESS": f"127.0.0.1:{ports['notifier']}",
        "TELEGRAM_API_BASE_URL": sink_url,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_LIMIT_BYTES": "2000000000",
        "TELEGRAM_CHAT_MESSAGES_PER_S": "0",
        "LOG_LEVEL": "WARNING",
    }
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-bench-") as directory:
        keep_freed_memory()  # as the processor does
        notes = {name: Path(directory) / name for name in ("notifier", "sender")}
        async with (
            process("tests.bench.pipeline.sink", str(ports["sink"]), port=ports["sink"]),
            process(
                "tests.bench.lag", str(notes["notifier"]), port=ports["notifier"], environment=environment
            ) as notifier,
            open_link(f"127.0.0.1:{ports['notifier']}") as link,
            background(note_lag(notes["sender"]), name="lag"),
        ):
            runs, peer = await _measure(link, notifier.pid, sink_url)
        lags = {name: lag_p99_ms(path, runs.windows_s) for name, path in notes.items()}
    return [
        Figure(
            "P2: upload of 300 MB, MB/s",
            runs.megabytes_per_s,
            "≥ 400",
            peer,
            "httpx streaming straight to the sink, no gRPC hop",
            Compared.OURS,
        ),
        Figure("P2: upload of 300 MB, notifier's peak RSS growth, MB", runs.notifier_growth, "≤ 16"),
        Figure("P2: upload of 300 MB, sender's peak RSS growth, MB", runs.sender_growth, "≤ 16"),
        Figure("P2: upload of 300 MB, notifier's loop lag p99, ms", lags["notifier"], "≤ 20"),
        Figure("P2: upload of 300 MB, sender's loop lag p99, ms", lags["sender"], "≤ 20"),
    ]


async def _measure(link: Link, notifier_pid: int, sink_url: str) -> tuple[_Runs, list[float]]:
    part_bytes = ProcessorSettings.model_fields["upload_part_bytes"].default
    delivery = NotifierDelivery(link, part_bytes=part_bytes, answer_timeout_s=60, min_bytes_per_s=1_000_000)
    await _send(delivery, 1_000_000)
    await _post(f"{sink_url}/upload", 1_000_000)
    before = {pid: rss_bytes(pid) for pid in (notifier_pid, os.getpid())}
    runs, peer = _Runs(), []
    for _ in range(RUNS_COUNT):
        for pid in before:
            forget_peak(pid)
        begin_s = time.monotonic()
        runs.megabytes_per_s.append(await _send(delivery, SIZE_BYTES))
        runs.windows_s.append((begin_s, time.monotonic()))
        runs.notifier_growth.append((peak_rss_bytes(notifier_pid) - before[notifier_pid]) / 1e6)
        runs.sender_growth.append((peak_rss_bytes(os.getpid()) - before[os.getpid()]) / 1e6)
        await _arrived(sink_url)
        peer.append(await _post(f"{sink_url}/upload", SIZE_BYTES))
        await _arrived(sink_url)
    return runs, peer


async def _arrived(sink_url: str) -> None:
    found_bytes = await received_bytes(sink_url)
    assert found_bytes == SIZE_BYTES, f"{found_bytes:,} of {SIZE_BYTES:,} bytes arrived"


async def _send(delivery: NotifierDelivery, size_bytes: int) -> float:
    run = Run(
        # Each delivery has a key of its own, or the notifier would answer from memory.
        job_name=f"jobs/bench-{time.monotonic_ns()}",
        token=1,
        attempt=1,
        timeout_s=60,
        reserved_bytes=0,
        destination="1",
        fetch=FetchRequest(url="https://video.example/"),
    )
    header = Header(
        run=run,
        file_name="clip.mp4",
        mime_type="video/mp4",
        size_bytes=size_bytes,
        caption="",
        kind=MediaKind.VIDEO,
        duration_s=1,
        width=16,
        height=16,
        thumbnail=b"",
        title="",
        performer="",
    )
    started_at_s = time.perf_counter()
    await delivery.send(
        header, Zeros(size_bytes), commit=lambda: asyncio.sleep(0), on_sent=lambda _: None, on_wait=lambda _: None
    )
    return size_bytes / 1e6 / (time.perf_counter() - started_at_s)


async def _post(url: str, size_bytes: int) -> float:
    async def body() -> AsyncIterator[bytes]:
        for at in range(0, size_bytes, 131_072):
            yield bytes(min(131_072, size_bytes - at))

    started_at_s = time.perf_counter()
    headers = {"Content-Type": "application/octet-stream"}
    async with httpx.AsyncClient(timeout=60, trust_env=False, headers=headers) as http:
        (await http.post(url, content=body())).raise_for_status()
    return size_bytes / 1e6 / (time.perf_counter() - started_at_s)
