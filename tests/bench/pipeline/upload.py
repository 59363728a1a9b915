"""The bytes' path from a file on tmpfs to the Bot API's socket: speed, and what it costs in memory."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.chassis.allocator import keep_freed_memory
from services.chassis.channel import Link, open_link
from services.chassis.lifecycle import background
from services.processor.adapters.backends import NotifierDelivery
from services.processor.adapters.layout import PiecedLayout, as_it_is
from services.processor.config import ProcessorSettings
from services.processor.core.run import FetchRequest, Header, MediaKind, Run
from tests.bench.figure import NO_GOAL, Compared, Figure, alternated
from tests.bench.lag import lag_p99_ms, note_lag
from tests.bench.memory import forget_peak, peak_rss_bytes, rss_bytes
from tests.bench.pipeline.sink import received_bytes
from tests.bench.process import busy_share, process
from tests.fakes.notifier_tools import TOKEN
from tests.processes.ports import free_ports

SIZE_BYTES = 300_000_000
RUNS_COUNT = 5
_WARM_UP_BYTES = 1_000_000
_PEER_PART_BYTES = 131_072
_PEER = "httpx streaming the same file straight to the sink, no gRPC hop"


@dataclass(frozen=True)
class _Sent:
    """What one upload has shown."""

    megabytes_per_s: float
    sink_share: float
    """How much of a core the sink has used."""
    notifier_growth_mb: float
    sender_growth_mb: float
    window_s: tuple[float, float]
    """When it began and ended, by the machine's monotonic clock."""


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
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-bench-") as name, ExitStack() as opened:
        directory = Path(name)
        fd = opened.enter_context(_nameless(directory / "video"))
        keep_freed_memory()  # as the processor does
        notes = {name: directory / name for name in ("notifier", "sender")}
        async with (
            process("tests.bench.pipeline.sink", str(ports["sink"]), port=ports["sink"]) as sink,
            process(
                "tests.bench.lag", str(notes["notifier"]), port=ports["notifier"], environment=environment
            ) as notifier,
            open_link(f"127.0.0.1:{ports['notifier']}") as link,
            background(note_lag(notes["sender"]), name="lag"),
        ):
            ground = await _Ground.warmed_up(link, fd, sink_url, {"notifier": notifier.pid, "sink": sink.pid})
            runs, peer = await alternated(ground.ours, ground.peer, count=RUNS_COUNT)
        lags = {name: lag_p99_ms(path, [run.window_s for run in runs]) for name, path in notes.items()}
    what = "P2: upload of 300 MB"
    peer_rate, peer_share = [run.megabytes_per_s for run in peer], [run.sink_share for run in peer]
    return [
        Figure(f"{what}, MB/s", [run.megabytes_per_s for run in runs], "≥ 400", peer_rate, _PEER, Compared.OURS),
        Figure(f"{what}, notifier's peak RSS growth, MB", [run.notifier_growth_mb for run in runs], "≤ 16"),
        Figure(f"{what}, sender's peak RSS growth, MB", [run.sender_growth_mb for run in runs], "≤ 16"),
        Figure(f"{what}, notifier's loop lag p99, ms", lags["notifier"], "≤ 20"),
        Figure(f"{what}, sender's loop lag p99, ms", lags["sender"], "≤ 20"),
        Figure(
            f"{what}, sink's share of a core",
            [run.sink_share for run in runs],
            NO_GOAL,
            peer_share,
            _PEER,
            Compared.OURS,
        ),
    ]


@contextmanager
def _nameless(path: Path) -> Iterator[int]:
    """Make a file of `SIZE_BYTES` and remove its name, as the processor does with what it sends; yields it, open."""
    block = os.urandom(1_000_000)
    with path.open("xb") as made:
        for _ in range(SIZE_BYTES // len(block)):
            made.write(block)
    with path.open("rb") as file:
        path.unlink()
        yield file.fileno()


@dataclass(frozen=True)
class _Ground:
    """Where ours and the peer run.

    Args:
        pids: Of ``notifier`` and ``sink``.
        rss_before_bytes: Resident memory of notifier and sender, by process, after a first small upload.
    """

    delivery: NotifierDelivery
    layout: PiecedLayout
    sink_url: str
    pids: Mapping[str, int]
    rss_before_bytes: Mapping[int, int]

    @classmethod
    async def warmed_up(cls, link: Link, fd: int, sink_url: str, pids: Mapping[str, int]) -> "_Ground":
        part_bytes = ProcessorSettings.model_fields["upload_part_bytes"].default
        delivery = NotifierDelivery(link, part_bytes=part_bytes, answer_timeout_s=60, min_bytes_per_s=1_000_000)
        beginning = PiecedLayout(fd, [(0, _WARM_UP_BYTES)])
        await _send(delivery, beginning)
        await _post(f"{sink_url}/upload", beginning)
        before_bytes = {pid: rss_bytes(pid) for pid in (pids["notifier"], os.getpid())}
        return cls(delivery, as_it_is(fd), sink_url, pids, before_bytes)

    async def ours(self) -> _Sent:
        """Send it as the processor does."""
        return await self._measured(_send(self.delivery, self.layout))

    async def peer(self) -> _Sent:
        """Send it without a service between."""
        return await self._measured(_post(f"{self.sink_url}/upload", self.layout))

    async def _measured(self, sending: Coroutine[Any, Any, None]) -> _Sent:
        for pid in self.rss_before_bytes:
            forget_peak(pid)
        sink_share, began_at_s = busy_share(self.pids["sink"]), time.monotonic()
        await sending
        ended_at_s, share = time.monotonic(), sink_share()
        grown_mb = {pid: (peak_rss_bytes(pid) - before) / 1e6 for pid, before in self.rss_before_bytes.items()}
        await _arrived(self.sink_url)
        rate = SIZE_BYTES / 1e6 / (ended_at_s - began_at_s)
        return _Sent(rate, share, grown_mb[self.pids["notifier"]], grown_mb[os.getpid()], (began_at_s, ended_at_s))


async def _arrived(sink_url: str) -> None:
    found_bytes = (await received_bytes(sink_url))[-1]
    assert found_bytes == SIZE_BYTES, f"{found_bytes:,} of {SIZE_BYTES:,} bytes arrived"


async def _send(delivery: NotifierDelivery, layout: PiecedLayout) -> None:
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
        size_bytes=layout.size_bytes,
        caption="",
        kind=MediaKind.VIDEO,
        duration_s=1,
        width=16,
        height=16,
        thumbnail=b"",
        title="",
        performer="",
    )
    await delivery.send(header, layout, commit=lambda: asyncio.sleep(0), on_sent=lambda _: None, on_wait=lambda _: None)


async def _post(url: str, layout: PiecedLayout) -> None:
    async def body() -> AsyncIterator[bytes]:
        for at in range(0, layout.size_bytes, _PEER_PART_BYTES):
            yield layout.read(at, min(_PEER_PART_BYTES, layout.size_bytes - at))

    headers = {"Content-Type": "application/octet-stream"}
    async with httpx.AsyncClient(timeout=60, trust_env=False, headers=headers) as http:
        (await http.post(url, content=body())).raise_for_status()
