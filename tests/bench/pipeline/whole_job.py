"""A whole job over loopback, page to Bot API, against what one would type: ``yt-dlp`` to a file, then ``curl -F``."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types
from aiohttp import web

from sandbox.run.gateway import Gateway
from tests.bench.figure import NO_GOAL, Compared, Figure, alternated
from tests.bench.footprint import allocated_bytes, footprint
from tests.bench.memory import forget_peak, peak_rss_bytes, rss_bytes
from tests.bench.pipeline.cancelled import cancel_row
from tests.bench.pipeline.sink import received_bytes
from tests.bench.process import busy_share, process
from tests.fakes.notifier_tools import TOKEN
from tests.processes.ports import free_ports
from tests.processes.stack import Stack, prepared_stack

GOALS = {5: "≤ 0.4", 40: "≤ 0.6", 300: "≤ 0.9"}
"""By size in MB."""
START_UP = "base"
"""The smallest clip: next to nothing but what a job costs before its first byte and after its last."""
RUNS_COUNT = 5
_PEER = "yt-dlp to a tmpfs file, then curl -F"
_MERGED = "merged/master.m3u8"
ROOM = {"MAX_MEMORY_PER_VIDEO": "400000000", "MAX_TOTAL_MEMORY": "900000000", "TELEGRAM_LIMIT_BYTES": "2000000000"}
"""As with a local Bot API server."""


async def whole_jobs() -> Sequence[Figure]:
    """Measure seconds per job for each size."""
    sink_port = free_ports(["sink"])["sink"]
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-bench-") as name:
        directory = Path(name)
        await _make_clips(directory)
        async with (
            _site(directory) as site_port,
            process("tests.bench.pipeline.sink", str(sink_port), port=sink_port) as sink,
        ):
            return await _measure(directory, site_port, _Sink(f"http://127.0.0.1:{sink_port}", sink.pid))


@dataclass(frozen=True)
class _Sink:
    """A Bot API that only reads, in a process of its own."""

    url: str
    pid: int


async def _measure(directory: Path, site_port: int, sink: _Sink) -> Sequence[Figure]:
    with prepared_stack(
        EGRESS_ALLOW=f"127.0.0.1:{site_port}",
        TELEGRAM_API_BASE_URL=sink.url,
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_CHAT_ID="1",
        LOG_LEVEL="WARNING",
    ) as stack:
        stack.variables |= {"EGRESS_ALLOW": f"127.0.0.1:{site_port}", "TELEGRAM_API_BASE_URL": sink.url, **ROOM}
        services = ("queue", "notifier", "processor", "gateway")
        for name in services:
            stack.start(name)
        await stack.until_ready(*services)
        async with stack.gateway() as gateway:
            ground = _Ground(gateway, directory, f"http://127.0.0.1:{site_port}", sink)
            small = (directory / f"{START_UP}.mp4").stat().st_size / 1e6
            rows = await ground.rows(f"{small:.1f} MB (what a start costs)", f"{START_UP}.mp4", NO_GOAL)
            # Before anything large: what stays of the first large job counts too.
            before_bytes = {name: rss_bytes(stack.pid(name)) for name in ("processor", "notifier")}
            for size, goal in GOALS.items():
                rows += await ground.rows(f"{size} MB", f"{size}.mp4", goal)
            rows.append(await cancel_row(stack, gateway, f"{ground.site_url}/endless.mp4"))
            return rows + await ground.memory_rows(stack, before_bytes)


@dataclass(frozen=True)
class _Ground:
    """Where both run."""

    gateway: Gateway
    directory: Path
    site_url: str
    sink: _Sink

    async def rows(self, size: str, path: str, goal: str) -> list[Figure]:
        """Measure seconds for one job, and what serves it needs meanwhile; the first is not counted."""
        await self._ours(path)
        missing = "curl is missing" if shutil.which("curl") is None else ""
        by_hand = None if missing else partial(self._by_hand, path)
        ours, peer = await alternated(partial(self._ours, path), by_hand, count=RUNS_COUNT)
        taken_s, cores = zip(*ours, strict=True)
        peer_s, peer_cores = zip(*peer, strict=True) if peer else ((), ())
        name = f"P1: whole job of {size}"
        return [
            Figure(f"{name}, s", taken_s, goal, peer_s, _PEER, missing=missing),
            Figure(
                f"{name}, cores of site, client and sink", cores, NO_GOAL, peer_cores, _PEER, Compared.OURS, missing
            ),
        ]

    async def _ours(self, path: str) -> tuple[float, float]:
        return await self._timed(path, _deliver(self.gateway, f"{self.site_url}/{path}"))

    async def _by_hand(self, path: str) -> tuple[float, float]:
        return await self._timed(path, _by_hand(self.directory, f"{self.site_url}/{path}", self.sink.url))

    async def _timed(self, path: str, delivering: Coroutine[Any, Any, float]) -> tuple[float, float]:
        """Return the seconds of a job, and how many cores site, client and sink have used meanwhile."""
        site_and_client, sink = busy_share(), busy_share(self.sink.pid)
        taken_s = await delivering
        cores = site_and_client() + sink()
        await self._arrived(path)
        return taken_s, cores

    async def _arrived(self, path: str, *, tolerance: float = 0.0) -> None:
        found_bytes = (await received_bytes(self.sink.url))[-1]
        sent_bytes = (self.directory / path).stat().st_size
        is_whole = abs(found_bytes - sent_bytes) <= sent_bytes * tolerance
        assert is_whole, f"{path}: {found_bytes:,} bytes arrived, not {sent_bytes:,}"

    async def memory_rows(self, stack: Stack, before_bytes: Mapping[str, int]) -> list[Figure]:
        """Measure what tmpfs and the services of `before_bytes` hold over jobs, one after the other."""
        pids = {name: stack.pid(name) for name in before_bytes}
        growth: dict[str, list[float]] = {name: [] for name in pids}
        held: dict[str, list[float]] = {"300.mp4": [], _MERGED: []}
        for path, shares in held.items():
            # In whole blocks, as what is held is counted: both lie on tmpfs.
            whole_bytes = sum(allocated_bytes(file.stat()) for file in _files_of(self.directory / path))
            for _ in range(RUNS_COUNT):
                for pid in pids.values():
                    forget_peak(pid)
                async with footprint(stack.tmpfs_dir, pids["processor"]) as found:
                    await _deliver(self.gateway, f"{self.site_url}/{path}")
                shares.append(found.peak_bytes / whole_bytes)
                for name, pid in pids.items():
                    growth[name].append((peak_rss_bytes(pid) - before_bytes[name]) / 1e6)
                if path == _MERGED:  # what it was cut from, but for the index
                    await self._arrived("40.mp4", tolerance=0.01)
                else:
                    await self._arrived(path)
        jobs = "whole jobs, 300 MB and 40 MB merged"
        return [
            *(Figure(f"P2: {jobs}, {name}'s peak RSS growth, MB", growth[name], "≤ 16") for name in pids),
            Figure("P3: peak tmpfs ÷ file, progressive, 300 MB", held["300.mp4"], "≤ 1.0"),
            Figure("P3: peak tmpfs ÷ file, picture and sound merged, 40 MB", held[_MERGED], "≤ 2.0"),
        ]


def _files_of(path: Path) -> list[Path]:
    return [path] if path.suffix == ".mp4" else [*path.parent.glob("*.ts"), *path.parent.glob("*.m4s")]


async def _deliver(gateway: Gateway, url: str) -> float:
    started_at_s = time.perf_counter()
    job = await gateway.submit(url)
    async with gateway.watch(f"job:{job['id']}") as messages:
        async for message in messages:
            job = message["snapshot"]["job"] if message["type"] == "subscribed" else message
            status = job.get("status")
            if status in ("completed", "failed"):
                assert status == "completed", message
                break
    return time.perf_counter() - started_at_s


async def _by_hand(directory: Path, url: str, bot_api_url: str) -> float:
    target = directory / "by-hand.mp4"
    started_at_s = time.perf_counter()
    await _run(sys.executable, "-m", "yt_dlp", "--quiet", "--no-cache-dir", "-o", str(target), url)
    upload = f"{bot_api_url}/bot{TOKEN}/sendVideo"
    await _run("curl", "-sf", "-o", "/dev/null", "-F", "chat_id=1", "-F", f"video=@{target}", upload)
    taken_s = time.perf_counter() - started_at_s
    target.unlink()
    return taken_s


async def _run(*command: str) -> None:
    started = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await started.wait() == 0, command


async def _make_clips(directory: Path) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=s=1280x720:d=4", "-f", "lavfi", "-i", "sine=d=4"]
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    base = str(directory / "base.mp4")
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-minrate", "4M", "-c:a", "aac", "-shortest"]
    await _run(*ffmpeg, *source, *codec, base)
    for megabytes in GOALS:
        loops = max(0, round(megabytes * 1e6 / Path(base).stat().st_size) - 1)
        await _run(*ffmpeg, "-stream_loop", str(loops), "-i", base, "-c", "copy", str(directory / f"{megabytes}.mp4"))
    (directory / "merged").mkdir()
    streams = "v:0,agroup:a a:0,agroup:a,default:yes"
    hls = ["-f", "hls", "-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod"]
    names = ["-master_pl_name", "master.m3u8", "-var_stream_map", streams, str(directory / "merged" / "%v.m3u8")]
    maps = ["-map", "0:v", "-map", "0:a", "-c", "copy"]
    await _run(*ffmpeg, "-i", str(directory / "40.mp4"), *maps, *hls, *names)


@asynccontextmanager
async def _site(directory: Path) -> AsyncIterator[int]:
    async def endless(request: web.Request) -> web.StreamResponse:
        """The beginning of a video of 300 MB, which then comes slowly."""
        response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Length": "300000000"})
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write((directory / f"{START_UP}.mp4").read_bytes())
            while True:
                await response.write(bytes(65_536))
                await asyncio.sleep(0.01)
        return response

    app = web.Application()
    app.router.add_get("/endless.mp4", endless)
    app.router.add_static("/", directory)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
