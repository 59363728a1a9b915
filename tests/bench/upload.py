"""The bytes' path from the processor to the Bot API's socket: speed, and what it costs in memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx

from services.chassis.channel import open_link
from services.processor.adapters.backends import NotifierDelivery
from services.processor.core.run import FetchRequest, Header, MediaKind, Run
from tests.bench.figure import Figure
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


async def upload_path() -> Sequence[Figure]:
    """Measure 300 MB through a notifier process, beside a plain streaming HTTP client to the same sink."""
    ports = free_ports(["sink", "notifier"])
    environment = {
        "NOTIFIER_LISTEN_ADDRESS": f"127.0.0.1:{ports['notifier']}",
        "TELEGRAM_API_BASE_URL": f"http://127.0.0.1:{ports['sink']}",
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_LIMIT_BYTES": "2000000000",
        "LOG_LEVEL": "WARNING",
    }
    async with (
        process("tests.bench.sink", str(ports["sink"]), port=ports["sink"]),
        process("services.notifier", port=ports["notifier"], environment=environment) as notifier,
        open_link(f"127.0.0.1:{ports['notifier']}") as link,
    ):
        delivery = NotifierDelivery(link, part_bytes=128 * 1024, answer_timeout_s=60)
        await _send(delivery, 1_000_000)
        before_bytes = notifier.memory_info().rss
        ours, peer, growth = [], [], []
        for _ in range(RUNS_COUNT):
            ours.append(await _send(delivery, SIZE_BYTES))
            growth.append((notifier.memory_info().rss - before_bytes) / 1e6)
            peer.append(await _post(f"http://127.0.0.1:{ports['sink']}/upload", SIZE_BYTES))
    return [
        Figure("upload, MB/s, 300 MB", ours, "≥ 400 MB/s", peer, "httpx streaming straight to the sink, no gRPC hop"),
        Figure("notifier RSS growth, MB", growth, "≤ 16 MB"),
    ]


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
    await delivery.send(header, Zeros(size_bytes), commit=lambda: asyncio.sleep(0), on_sent=lambda _: None)
    return size_bytes / 1e6 / (time.perf_counter() - started_at_s)


async def _post(url: str, size_bytes: int) -> float:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(size_bytes // 131_072):
            yield bytes(131_072)

    started_at_s = time.perf_counter()
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        (await http.post(url, content=body())).raise_for_status()
    return size_bytes / 1e6 / (time.perf_counter() - started_at_s)
