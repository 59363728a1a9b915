"""No byte of a video is written to a disk."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.run.gateway import Gateway
from tests.processes.journey import ended_job
from tests.processes.stack import Stack
from tests.processes.tools import needs
from tests.processes.writes import WriteMeter, descendants

SHAPES = ["/throttled/2000/clip.mp4", "/media/hls-audio/index.m3u8", "/media/dash/index.mpd", "/media/vp9.webm"]

_WRITES = """
import os, pathlib, sys
with open(sys.argv[1], "wb") as file:
    file.write(os.urandom(1_000_000))
    file.flush()
    os.fsync(file.fileno())
input()
"""


@pytest.mark.parametrize("path", SHAPES)
async def test_write_bytes_do_not_move(stack: Stack, gateway: Gateway, path: str) -> None:
    """`write_bytes` of processor and notifier, with every child they have meanwhile, does not move over a job."""
    await ended_job(gateway, stack.page("/media/clip.mp4"))  # first use of a module may write its .pyc

    with WriteMeter(stack.pid("processor"), stack.pid("notifier")) as meter:
        job = await ended_job(gateway, stack.page(f"{path}?for-the-meter"))

    assert job["status"] == "completed", job["error"]
    assert meter.written_bytes == 0
    assert meter.process_count > 3, "the downloader was not seen at work"


def test_the_meter_measures(tmp_path: Path) -> None:
    """A grandchild that writes to a disk is noticed, where there is a disk to write to."""
    with WriteMeter(os.getpid()) as meter:
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITES, str(tmp_path / "file")], stdin=subprocess.PIPE, text=True
        )
        while not (tmp_path / "file").exists() or (tmp_path / "file").stat().st_size < 1_000_000:
            assert process.poll() is None
        process.communicate("\n", timeout=30)
    if _is_in_memory(tmp_path):
        pytest.skip("the temporary directory is in memory here")

    assert meter.written_bytes >= 1_000_000


def _is_in_memory(path: Path) -> bool:
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    points = [(point, kind) for _, point, kind, *_ in mounts if path.is_relative_to(point)]
    return max(points, key=lambda one: len(one[0]))[1] in ("tmpfs", "ramfs")


@needs("strace")
@pytest.mark.parametrize("path", SHAPES[1:])
async def test_nothing_is_opened_for_writing_outside_memory(stack: Stack, gateway: Gateway, path: str) -> None:
    """Every file that processor, notifier and their children open for writing over a job is on tmpfs."""
    await ended_job(gateway, stack.page("/media/clip.mp4"))
    trace = stack.directory / "trace"

    async with _traced(trace, *descendants(stack.pid("processor")), *descendants(stack.pid("notifier"))):
        job = await ended_job(gateway, stack.page(f"{path}?traced"))

    assert job["status"] == "completed", job["error"]
    opened = set(re.findall(r'"([^"]*)", [^)]*O_(?:WRONLY|RDWR|CREAT)', trace.read_text(errors="replace")))
    assert any(one.startswith(str(stack.tmpfs_dir)) for one in opened), "the trace saw no video"
    elsewhere = {one for one in opened if one.startswith("/") and not one.startswith((str(stack.directory), "/dev/"))}
    assert elsewhere == set()


@asynccontextmanager
async def _traced(trace: Path, *pids: int) -> AsyncIterator[None]:
    """Trace processes, and every child they have, for the length of the block."""
    attached = [argument for pid in pids for argument in ("-p", str(pid))]
    process = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-e", "trace=open,openat,creat", "-o", str(trace), *attached),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    waiting = set(pids)
    async with asyncio.timeout(20):
        while waiting:
            line = (await process.stderr.readline()).decode()
            if "Operation not permitted" in line:
                pytest.skip("processes may not be traced here")
            assert line, "strace ended"
            waiting -= {int(number) for number in re.findall(r"Process (\d+) attached", line)}
    try:
        yield
    finally:
        process.terminate()
        await process.communicate()
