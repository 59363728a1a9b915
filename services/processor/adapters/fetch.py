"""One download, seen from the parent: what its child says, what it holds, and whether it goes on."""

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.messages import (
    COVER_LIMIT_BYTES,
    COVER_NAME,
    DownloadOrder,
    decode,
    encode_download,
    encode_picture_order,
    error_of,
    found_of,
)
from services.processor.adapters.nursery import Child
from services.processor.adapters.passes import Pass
from services.processor.core.recipe import Recipe
from services.processor.core.run import FetchStage, Found, MediaFile, Moved

_JPEG = b"\xff\xd8\xff"
_MUX_TICK_S = 0.25
"""How often a child that says nothing is looked at."""
_SLACK_BYTES = 32 * 1024
_SLACK_DIVISOR = 64
_BLAMED_ON_SITE = frozenset({Reason.SITE_UNREACHABLE, Reason.INCOMPLETE, Reason.UNPLAYABLE, Reason.NO_VIDEO})
"""Reasons that a refused target can be behind: ffmpeg does not say why it got nothing."""


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
        self._result: Mapping[str, Any] = {"name": ""}
        self._allowed_bytes: int | None = None
        self._sign_bytes = 0
        self._seen_at_s = asyncio.get_running_loop().time()

    async def extract(self) -> Found:
        begun_at_s = asyncio.get_running_loop().time()
        # Looked at only now and then: a fast page without end would fill the child's memory in between.
        self._pass.allow(self._limits.page_bytes + 1)
        while (said := await self._hear()) is None:
            self._check_page(asyncio.get_running_loop().time() - begun_at_s)
        self._pass.allow(None)
        kind, fields = said
        if kind != "found":
            raise self._unexpected(kind)
        found = found_of(fields)
        self._is_recording = found.is_live
        return found

    async def picture(self) -> bytes:
        self._child.writer.write(encode_picture_order())
        self._pass.allow(self._limits.page_bytes)
        while (said := await self._hear()) is None:
            pass
        self._pass.allow(None)
        if said[0] != "picture":
            raise self._unexpected(said[0])
        return self._cover()

    async def download(
        self, *, limit_bytes: int, format_id: str = "", recipe: Recipe | None = None
    ) -> AsyncGenerator[Moved, None]:
        order = DownloadOrder(limit_bytes=limit_bytes, format_id=format_id, recipe=recipe)
        self._child.writer.write(encode_download(order))
        self._is_downloading = True
        self._seen_at_s = asyncio.get_running_loop().time()
        while True:
            said = await self._hear()
            if said is not None and said[0] == "done":
                self._result = said[1]
                return
            before = self._moved
            self._moved = self._now(said)
            if self._moved != before:
                yield self._moved

    def allow(self, held_bytes: int | None) -> None:
        self._allowed_bytes = held_bytes
        if held_bytes is None:
            self._pass.allow(None)
        else:
            self._pass.allow(held_bytes - _held_bytes(self._child.job_dir) + _slack(held_bytes))

    def pause(self) -> None:
        self._child.pause()

    def resume(self) -> None:
        self._child.resume()
        self._seen_at_s = asyncio.get_running_loop().time()

    async def finish(self) -> None:
        if self._is_recording:
            self._is_recording = False
            self._child.interrupt()

    def take(self) -> MediaFile:
        # The name is the child's word: it may name a file of its directory, and nothing else.
        path = self._child.job_dir / Path(str(self._result["name"])).name
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            os.close(fd)
            raise ClipferryError(Reason.CHILD_CRASHED, "The downloader left no file.")
        path.unlink()
        extension = path.suffix.removeprefix(".")
        return MediaFile(
            fd=fd,
            size_bytes=state.st_size,
            extension=extension,
            cover=self._cover(),
            title=str(self._result["title"]),
            performer=str(self._result["performer"]),
        )

    def _cover(self) -> bytes:
        """Return the picture that the child has left for a sound, if it looks like one."""
        try:
            fd = os.open(self._child.job_dir / COVER_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return b""
        with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor
            data = file.read(COVER_LIMIT_BYTES + 1)
        return data if data.startswith(_JPEG) and len(data) <= COVER_LIMIT_BYTES else b""

    def _now(self, said: tuple[str, Mapping[str, Any]] | None) -> Moved:
        """Return where the download is, by what the child said, or by what is on tmpfs when it said nothing."""
        tmpfs_bytes = _held_bytes(self._child.job_dir)
        self._moved = replace(self._moved, is_held_up=said is None and self._is_held_up(tmpfs_bytes))
        if said is None:
            # A recording by ffmpeg does not report; what it has written is what it has got.
            done_bytes = self._moved.done_bytes if self._has_reported else max(self._moved.done_bytes, tmpfs_bytes)
            return replace(self._moved, done_bytes=done_bytes, tmpfs_bytes=tmpfs_bytes)
        kind, fields = said
        if kind == "muxing":
            self._has_reported = True
            return replace(self._moved, stage=FetchStage.MUXING, bytes_per_second=0, tmpfs_bytes=tmpfs_bytes)
        if kind == "transcoding":
            self._has_reported = True
            share = min(1.0, max(self._moved.done_share or 0.0, float(fields["done_share"])))
            return replace(
                self._moved,
                stage=FetchStage.TRANSCODING,
                done_share=share,
                bytes_per_second=0,
                tmpfs_bytes=tmpfs_bytes,
            )
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

    def _is_held_up(self, tmpfs_bytes: int) -> bool:
        """Tell a job that has what it is allowed from one that has received more than it has kept: that may go on.

        It has said nothing for a moment, so nothing is on its way to tmpfs any more.
        """
        if self._allowed_bytes is None or not self._pass.is_full:
            return False
        if self._allowed_bytes - tmpfs_bytes <= _slack(self._allowed_bytes):
            return True
        self.allow(self._allowed_bytes)
        return False

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

    def _check_page(self, elapsed_s: float) -> None:
        """Give up a page that has no end, or that comes a byte at a time."""
        page_bytes, page_s = self._limits.page_bytes, self._limits.page_s
        if self._pass.received_bytes > page_bytes:
            text = f"The page is larger than {page_bytes} bytes, and no video was found in them."
            raise ClipferryError(Reason.SITE_UNSUPPORTED, text, limit_bytes=page_bytes)
        if elapsed_s > page_s:
            text = f"The page could not be looked at within {page_s:g} s."
            raise ClipferryError(Reason.TIMED_OUT, text, limit_s=page_s)

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
            return ClipferryError(Reason.SITE_UNSUPPORTED, f"The page took more than {cpu_s} s of CPU.", cpu_s=cpu_s)
        return ClipferryError(Reason.CHILD_CRASHED)

    def _unexpected(self, kind: str) -> ClipferryError:
        self._log.error("A downloader said something unexpected.", action="child_unexpected", kind=kind)
        return ClipferryError(Reason.CHILD_CRASHED)


def _slack(allowed_bytes: int) -> int:
    """Return what may come beyond what is kept: heads, and the wrapping of encryption."""
    return max(_SLACK_BYTES, allowed_bytes // _SLACK_DIVISOR)


def _held_bytes(job_dir: Path) -> int:
    """Return the bytes that a job holds on tmpfs: blocks, because a file may have holes."""
    held_bytes = 0
    # Files come and go meanwhile, such as a fragment that was just appended.
    with contextlib.suppress(FileNotFoundError), os.scandir(job_dir) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                held_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
    return held_bytes
