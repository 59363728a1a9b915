"""A whole job over loopback, page to Bot API, against what one would type: ``yt-dlp`` to a file, then ``curl -F``."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types
from aiohttp import web

from sandbox.run.gateway import Gateway
from tests.bench.figure import Figure, alternated
from tests.bench.process import process
from tests.fakes.notifier_tools import TOKEN
from tests.processes.ports import free_ports
from tests.processes.stack import prepared_stack

MEGABYTES = (5, 40)
RUNS_COUNT = 5


async def whole_jobs() -> Sequence[Figure]:
    """Measure seconds per job for each size."""
    if shutil.which("curl") is None:
        raise SystemExit("this benchmark needs curl: its peer uploads with it")
    sink_port = free_ports(["sink"])["sink"]
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="clipferry-bench-") as name:
        directory = Path(name)
        await _make_clips(directory)
        async with _site(directory) as site_port, process("tests.bench.sink", str(sink_port), port=sink_port):
            return await _measure(directory, site_port, f"http://127.0.0.1:{sink_port}")


async def _measure(directory: Path, site_port: int, bot_api_url: str) -> Sequence[Figure]:
    with prepared_stack(
        EGRESS_ALLOW=f"127.0.0.1:{site_port}",
        TELEGRAM_API_BASE_URL=bot_api_url,
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_CHAT_ID="1",
        LOG_LEVEL="WARNING",
    ) as stack:
        stack.variables |= {"EGRESS_ALLOW": f"127.0.0.1:{site_port}", "TELEGRAM_API_BASE_URL": bot_api_url}
        services = ("queue", "notifier", "processor", "gateway")
        for name in services:
            stack.start(name)
        await stack.until_ready(*services)
        async with stack.gateway() as gateway:
            return [await _row(gateway, directory, site_port, bot_api_url, size) for size in MEGABYTES]


async def _row(gateway: Gateway, directory: Path, site_port: int, bot_api_url: str, megabytes: int) -> Figure:
    url = f"http://127.0.0.1:{site_port}/{megabytes}.mp4"
    await _deliver(gateway, url)
    ours, peer = await alternated(
        lambda: _deliver(gateway, url), lambda: _by_hand(directory, url, bot_api_url), count=RUNS_COUNT
    )
    goal = {5: "≤ 0.4", 40: "≤ 0.6"}[megabytes]
    return Figure(f"whole job, s, {megabytes} MB", ours, goal, peer, "yt-dlp to a tmpfs file, then curl -F")


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
    for megabytes in MEGABYTES:
        loops = max(0, round(megabytes * 1e6 / Path(base).stat().st_size) - 1)
        await _run(*ffmpeg, "-stream_loop", str(loops), "-i", base, "-c", "copy", str(directory / f"{megabytes}.mp4"))


@asynccontextmanager
async def _site(directory: Path) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_static("/", directory)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
