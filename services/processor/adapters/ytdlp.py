"""Downloads by yt-dlp, seen from the parent: which never imports it, and outlives whatever becomes of it."""

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.addresses import AllowList
from services.processor.adapters.egress import Egress, Pass, open_egress
from services.processor.adapters.messages import JobOrder, decode, encode, encode_order, error_of, found_of
from services.processor.adapters.nursery import Child, Nursery, open_nursery
from services.processor.adapters.tmpfs import open_run_directory
from services.processor.core.run import FetchRequest, FetchStage, Found, MediaFile, MediaKind, Moved

logger = structlog.get_logger(__name__)

_MUX_TICK_S = 0.25
"""How often a child that says nothing is looked at."""
_BLAMED_ON_SITE = frozenset({Reason.SITE_UNREACHABLE, Reason.INCOMPLETE, Reason.UNPLAYABLE, Reason.NO_VIDEO})
"""Reasons that a refused target can be behind: ffmpeg does not say why it got nothing."""


@dataclass(frozen=True, kw_only=True)
class DownloadLimits:
    """What bounds one child."""

    cpu_s: int = 120
    """Seconds of CPU, for the child and again for each ffmpeg that it starts."""
    data_bytes: int = 512 * 1024 * 1024
    """Private memory of the child, and again of each ffmpeg."""
    stall_s: float = 120.0
    """Longest time without a word from the child, and without a byte: from the web, later on tmpfs."""
    socket_timeout_s: float = 20.0
    """Longest wait for one connection or one read."""
    fragments_at_once: int = 4
    """Pieces of one HLS or DASH stream that are fetched at the same time."""


@asynccontextmanager
async def open_downloader(
    tmpfs_dir: Path, *, egress_allow: AllowList = frozenset(), limits: DownloadLimits | None = None
) -> AsyncIterator["YtdlpDownloader"]:
    """Open everything that downloads need; with the block end all children, and everything on tmpfs is gone.

    Args:
        tmpfs_dir: Where each run makes its own directory.
        egress_allow: Targets that may be reached although they are not public.
        limits: Default: those of `DownloadLimits`.

    Raises:
        StartError: When `tmpfs_dir` is not in memory or cannot be used.
    """
    with open_run_directory(tmpfs_dir) as run_dir:
        async with open_egress(egress_allow) as egress, open_nursery(run_dir) as nursery:
            yield YtdlpDownloader(nursery, egress, limits or DownloadLimits())


class YtdlpDownloader:
    """A `Downloader`. See `open_downloader`."""

    def __init__(self, nursery: Nursery, egress: Egress, limits: DownloadLimits) -> None:
        self._nursery = nursery
        self._egress = egress
        self._limits = limits

    @property
    def version(self) -> str:
        """yt-dlp's version."""
        return version("yt-dlp")

    @asynccontextmanager
    async def fetch(self, request: FetchRequest, *, job_name: str) -> AsyncIterator["YtdlpFetch"]:
        if not request.url.lower().startswith(("http://", "https://")):
            raise ClipferryError(Reason.EGRESS_DENIED, "Only http and https addresses may be reached.")
        with self._egress.open_pass() as opened:
            child = await self._nursery.fork()
            log = logger.bind(job_name=job_name)
            try:
                child.writer.write(encode_order(_order(request, opened, self._limits)))
                yield YtdlpFetch(child, opened, self._limits, log, host=str(urlsplit(request.url).hostname))
            finally:
                await child.end()


def _order(request: FetchRequest, opened: Pass, limits: DownloadLimits) -> JobOrder:
    return JobOrder(
        url=request.url,
        is_audio=request.kind is MediaKind.AUDIO,
        format=request.format,
        referer=request.referer,
        user_agent=request.user_agent,
        playlist_item=request.playlist_item,
        proxy_url=opened.proxy_url,
        cpu_s=limits.cpu_s,
        data_bytes=limits.data_bytes,
        socket_timeout_s=limits.socket_timeout_s,
        fragments_at_once=limits.fragments_at_once,
    )


class YtdlpFetch:
    """A `Fetch`: reads what the child says, and watches that it goes on."""

    def __init__(self, child: Child, opened: Pass, limits: DownloadLimits, log: Any, *, host: str) -> None:
        self._host = host
        self._child = child
        self._pass = opened
        self._limits = limits
        self._log = log
        self._moved = Moved(stage=FetchStage.DOWNLOADING, done_bytes=0)
        self._has_reported = False
        self._is_recording = False
        self._is_downloading = False
        self._result_name = ""
        self._sign_bytes = 0
        self._seen_at_s = asyncio.get_running_loop().time()

    async def extract(self) -> Found:
        while (said := await self._hear()) is None:
            pass
        kind, fields = said
        if kind != "found":
            raise self._unexpected(kind)
        found = found_of(fields)
        self._is_recording = found.is_live
        return found

    async def download(self, *, limit_bytes: int) -> AsyncGenerator[Moved, None]:
        self._child.writer.write(encode("download", limit_bytes=limit_bytes))
        self._is_downloading = True
        self._seen_at_s = asyncio.get_running_loop().time()
        while True:
            said = await self._hear()
            if said is not None and said[0] == "done":
                self._result_name = str(said[1]["name"])
                return
            before = self._moved
            self._moved = self._now(said)
            if self._moved != before:
                yield self._moved

    async def finish(self) -> None:
        if self._is_recording:
            self._is_recording = False
            self._child.interrupt()

    def take(self) -> MediaFile:
        # The name is the child's word: it may name a file of its directory, and nothing else.
        path = self._child.job_dir / Path(self._result_name).name
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            os.close(fd)
            raise ClipferryError(Reason.CHILD_CRASHED, "The downloader left no file.")
        path.unlink()
        return MediaFile(fd=fd, size_bytes=state.st_size, extension=path.suffix.removeprefix("."))

    def _now(self, said: tuple[str, Mapping[str, Any]] | None) -> Moved:
        """Return where the download is, by what the child said, or by what is on tmpfs when it said nothing."""
        tmpfs_bytes = _held_bytes(self._child.job_dir)
        if said is None:
            # A recording by ffmpeg does not report; what it has written is what it has got.
            done_bytes = self._moved.done_bytes if self._has_reported else max(self._moved.done_bytes, tmpfs_bytes)
            return replace(self._moved, done_bytes=done_bytes, tmpfs_bytes=tmpfs_bytes)
        kind, fields = said
        if kind == "muxing":
            self._has_reported = True
            return replace(self._moved, stage=FetchStage.MUXING, bytes_per_second=0, tmpfs_bytes=tmpfs_bytes)
        if kind != "moved":
            raise self._unexpected(kind)
        self._has_reported = True
        done_bytes, total_bytes = max(self._moved.done_bytes, int(fields["done_bytes"])), int(fields["total_bytes"])
        return Moved(
            stage=FetchStage.DOWNLOADING,
            done_bytes=done_bytes,
            total_bytes=max(total_bytes, done_bytes) if total_bytes else 0,
            bytes_per_second=int(fields["bytes_per_second"]),
            tmpfs_bytes=tmpfs_bytes,
        )

    async def _hear(self) -> tuple[str, Mapping[str, Any]] | None:
        """Return what the child says next; None when it has said nothing for a moment.

        Raises:
            ClipferryError: The child's own, CHILD_CRASHED or STALLED.
        """
        try:
            async with asyncio.timeout(min(_MUX_TICK_S, self._limits.stall_s)):
                line = await self._child.reader.readline()
        except TimeoutError:
            self._check_signs_of_life()
            return None
        except ConnectionError:
            line = b""
        self._seen_at_s = asyncio.get_running_loop().time()
        if not line.endswith(b"\n"):
            raise await self._crashed()
        kind, fields = decode(line)
        if kind == "failed":
            raise self._failed(fields)
        return kind, fields

    def _check_signs_of_life(self) -> None:
        # While it downloads, only what is kept counts: a live playlist is asked for again for ever.
        sign_bytes = _held_bytes(self._child.job_dir) if self._is_downloading else self._pass.received_bytes
        now_s = asyncio.get_running_loop().time()
        if sign_bytes != self._sign_bytes:
            self._sign_bytes, self._seen_at_s = sign_bytes, now_s
        elif now_s - self._seen_at_s > self._limits.stall_s:
            stall_s = self._limits.stall_s
            raise ClipferryError(Reason.STALLED, f"No bytes arrived for {stall_s:g} s.", stall_s=stall_s)

    def _failed(self, fields: Mapping[str, Any]) -> ClipferryError:
        error = error_of(fields)
        self._log.info(
            "A download failed.", action="download_failed", reason=error.reason.name, cause=str(fields["cause"])
        )
        if error.reason is Reason.NAME_UNRESOLVED and not self._pass.received_bytes:
            # Nothing has answered yet, so it is the name that the owner wrote. Others are not told.
            return ClipferryError(error.reason, f"The name {self._host} does not resolve.", host=self._host)
        if self._pass.refused_count and error.reason in _BLAMED_ON_SITE:
            return ClipferryError(Reason.EGRESS_DENIED, "An address behind the page may not be reached from here.")
        return error

    async def _crashed(self) -> ClipferryError:
        status = await self._child.end()
        self._log.error("A downloader has crashed.", action="child_crashed", exit_status=status)
        if status == -signal.SIGXCPU:
            cpu_s = self._limits.cpu_s
            return ClipferryError(Reason.CHILD_CRASHED, f"The page took more than {cpu_s} s of CPU.", cpu_s=cpu_s)
        return ClipferryError(Reason.CHILD_CRASHED)

    def _unexpected(self, kind: str) -> ClipferryError:
        self._log.error("A downloader said something unexpected.", action="child_unexpected", kind=kind)
        return ClipferryError(Reason.CHILD_CRASHED)


def _held_bytes(job_dir: Path) -> int:
    """Return the bytes that a job holds on tmpfs: blocks, because a file may have holes."""
    held_bytes = 0
    # Files come and go meanwhile, such as a fragment that was just appended.
    with contextlib.suppress(FileNotFoundError), os.scandir(job_dir) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                held_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
    return held_bytes
