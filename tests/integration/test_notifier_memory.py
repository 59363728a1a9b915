"""The notifier holds a window, not the video: measured on a real process, before a local Bot API server."""

import hashlib
import os
import socket
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from clipferry.notifier.v1 import notifier_service_pb2_grpc as pb_grpc
from sandbox.botapi.server import bot_api
from services.chassis.channel import open_link
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.notifier_tools import CHAT, TOKEN, Desk

ROOT = Path(__file__).parents[2]
MB = 1_000_000
SIZE_BYTES = 300 * MB
LIMIT_BYTES = 2_000_000_000
"""Of a local Bot API server."""
ROOM_BYTES = 30 * MB
"""Two to three times what is measured; a notifier that collects the file needs at least its 300 MB."""


@asynccontextmanager
async def _notifier_process(base_url: str, port: int) -> AsyncIterator[psutil.Process]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos/gen'}",
        "NOTIFIER_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_CHAT_ID": CHAT,
        "TELEGRAM_API_BASE_URL": base_url,
        "TELEGRAM_LIMIT_BYTES": str(LIMIT_BYTES),
        "DRAIN_S": "0",
    }
    process = await subprocess.create_subprocess_exec(
        sys.executable, "-m", "services.notifier", cwd=ROOT, env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        while b"service_ready" not in (line := await process.stdout.readline()):
            assert line, "the notifier ended before it was ready"
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.communicate()


async def test_memory_stays_flat_and_no_disk_is_touched() -> None:
    """300 MB arrive whole at a server that reads at 200 MB/s; the process grows by a window and writes nothing."""
    clip = padded(mp4_clip(), SIZE_BYTES)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with (
        bot_api(token=TOKEN, chats=[CHAT], limit_bytes=LIMIT_BYTES) as running,
        _notifier_process(running.url, port) as process,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        desk = Desk(pb_grpc.NotifierServiceStub(link.channel), running, port)
        await desk.send(mp4_clip())  # loads what sends
        before = process.memory_info().rss
        written_bytes = process.io_counters().write_bytes
        desk.fault("slow", bytes_per_s=200 * MB)

        await desk.send(clip)

        grown_bytes = _peak_bytes(process) - before
        message = running.messages[-1]
        assert message.file is not None
        assert hashlib.sha256(clip).hexdigest() == message.file.sha256
        assert grown_bytes < ROOM_BYTES, f"grew by {grown_bytes / MB:.0f} MB"
        assert written_bytes == process.io_counters().write_bytes


def _peak_bytes(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
