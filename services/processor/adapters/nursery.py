"""The parent's side of the forkserver: starts it at the first job, and again should it die."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types
import structlog

import services
from services.processor.adapters.messages import INTERRUPT, PAUSE, RESUME

logger = structlog.get_logger(__name__)

_MESSAGE_LIMIT_BYTES = 8 * 1024 * 1024
"""Longest line of a child: the entries of a long list."""
_STOP_TIMEOUT_S = 5.0
_KEPT_VARIABLES = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that a child may know of our environment: no secrets, and no ``*_proxy``, which would beat the egress proxy."""


class Child:
    """One forked child and everything it starts."""

    def __init__(
        self, job_dir: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lifeline: socket.socket
    ) -> None:
        self.job_dir = job_dir
        self.reader = reader
        self.writer = writer
        self._lifeline = lifeline
        self._ending: asyncio.Task[int | None] | None = None

    def interrupt(self) -> None:
        """Ask it to close what it records."""
        self._say(INTERRUPT)

    def pause(self) -> None:
        """Stop it, and what it has started, where they are."""
        self._say(PAUSE)

    def resume(self) -> None:
        """Let it go on."""
        self._say(RESUME)

    def _say(self, message: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # whoever waits for the child learns of its end there
            self._lifeline.send(message)

    async def end(self) -> int | None:
        """Kill the group and remove its directory; returns when both are done, with the child's exit status.

        A negative status is a signal's number; None when nobody can tell.
        """
        if self._ending is None:
            self._lifeline.shutdown(socket.SHUT_WR)
            self._ending = asyncio.get_running_loop().create_task(self._ended(), name="child-end")
        return await asyncio.shield(self._ending)

    async def _ended(self) -> int | None:
        try:
            status = await asyncio.get_running_loop().sock_recv(self._lifeline, 16)
        except ConnectionError:
            status = b""
        self._lifeline.close()
        self.writer.transport.abort()
        # The forkserver does this; it may have died itself.
        shutil.rmtree(self.job_dir, ignore_errors=True)
        return int(status) if status else None


class Nursery:
    """Makes children. See `open_nursery`."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._bin_dir = run_dir / "bin"
        self._bin_dir.mkdir()
        # Under its plain name, because yt-dlp's ffmpeg downloader looks only on PATH.
        (self._bin_dir / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def fork(self) -> Child:
        """Fork a child with a directory of its own."""
        job_dir = Path(tempfile.mkdtemp(dir=self._run_dir, prefix="job-"))
        ours, theirs = socket.socketpair()
        our_lifeline, their_lifeline = socket.socketpair()
        our_lifeline.setblocking(False)
        with theirs, their_lifeline:
            self._request(job_dir, theirs, their_lifeline)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_MESSAGE_LIMIT_BYTES)
        return Child(job_dir, reader, writer, our_lifeline)

    def _request(self, job_dir: Path, channel: socket.socket, lifeline: socket.socket) -> None:
        fds = [channel.fileno(), lifeline.fileno()]
        message = [os.fsencode(job_dir)]
        try:
            socket.send_fds(self._running(), message, fds)
        except (BrokenPipeError, ConnectionResetError):
            logger.error("The forkserver has died and is started again.", action="forkserver_died")
            self.stop()
            socket.send_fds(self._running(), message, fds)

    def _running(self) -> socket.socket:
        if self._control is None:
            self._control, self._process = self._start()
        return self._control

    def _start(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own module; exec returns at once
                [sys.executable, "-P", "-m", "services.processor.adapters.forkserver", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=self._run_dir,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        logger.info("The forkserver was started.", action="forkserver_started", pid=process.pid)
        return ours, process

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return kept | {
            "PATH": str(self._bin_dir),
            "PYTHONPATH": str(Path(services.__path__[0]).parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "YTDLP_NO_PLUGINS": "1",
            "HOME": str(self._run_dir),
            "TMPDIR": str(self._run_dir),
        }

    def stop(self) -> None:
        """Stop the forkserver; it ends its children."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._control = self._process = None


@asynccontextmanager
async def open_nursery(run_dir: Path) -> AsyncIterator[Nursery]:
    """Make children for the length of the block; nothing runs before the first one is asked for."""
    nursery = Nursery(run_dir)
    try:
        yield nursery
    finally:
        nursery.stop()
