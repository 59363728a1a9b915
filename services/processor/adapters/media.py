"""Reads finished files and makes their preview. They come from anywhere: nothing in them is believed."""

import asyncio
import os
import resource
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types
import structlog

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.codecs import check_picture, check_playable
from services.processor.adapters.ffmpeg import (
    INPUT_LIMITS,
    ONE_THREAD,
    QUIET,
    describe_arguments,
    parse_streams,
    small_picture_arguments,
)
from services.processor.adapters.layout import PiecedLayout, as_it_is, moov_first
from services.processor.adapters.mp4 import CutShortError, NotMp4Error, read_movie
from services.processor.adapters.sniff import SNIFFED_BYTES, sniff
from services.processor.core.run import MediaFacts, MediaFile

logger = structlog.get_logger(__name__)

_THUMBNAIL_LIMIT_BYTES = 200_000
_QUALITIES = (4, 12, 31)
"""JPEG quality of ffmpeg, from good to small: the next one is for a picture that came out too large."""
_FFMPEG_MEMORY_BYTES = 1024 * 1024 * 1024
_OUT_OF_MEMORY = b"Cannot allocate memory"
_MIME_TYPES = {"mp3": "audio/mpeg", "aac": "audio/aac", "ogg": "audio/ogg", "wav": "audio/wav"}


@dataclass(frozen=True, kw_only=True)
class _Ran:
    status: int
    output: bytes
    errors: bytes


class FfmpegMedia:
    """A `Media`.

    Args:
        timeout_s: Longest run of one ffmpeg, in seconds of time and of CPU.
    """

    def __init__(self, *, timeout_s: float = 20.0) -> None:
        self._timeout_s = timeout_s
        self._ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()

    async def describe(self, file: MediaFile) -> MediaFacts:
        kind = sniff(os.pread(file.fd, SNIFFED_BYTES, 0))
        facts = _mp4_facts(file) if kind == "mp4" else await self._sound_facts(file, kind)
        check_playable(facts.video_codec, facts.audio_codec)
        return facts

    async def thumbnail(self, file: MediaFile, facts: MediaFacts) -> bytes:
        if not facts.video_codec:
            return file.cover
        transfer = await self._transfer(file) if facts.video_codec == "hevc" else ""
        # The first frames are often black; but a file may hold fewer than it says.
        for seek_s in (min(1.0, (facts.duration_s or 0) / 2), 0.0):
            picture = await self._picture(file, seek_s=seek_s, transfer=transfer)
            if picture:
                return picture
        if picture is None:
            raise ClipferryError(Reason.UNPLAYABLE, "Not one frame of the video can be decoded.")
        logger.warning("A thumbnail could not be made.", action="thumbnail_failed", codec=facts.video_codec)
        return b""

    async def _picture(self, file: MediaFile, *, seek_s: float, transfer: str) -> bytes | None:
        """Return a frame; empty where it was too much for ffmpeg's limits or ours, None where there is none."""
        for quality in _QUALITIES:
            before = [*QUIET, *ONE_THREAD, *INPUT_LIMITS, "-ss", f"{seek_s:.3f}", "-i", _source(file)]
            ran = await self._run(file, before + small_picture_arguments(quality=quality, transfer=transfer))
            if ran is None or _OUT_OF_MEMORY in ran.errors:
                return b""
            if ran.status != 0 or not ran.output:
                return None
            if len(ran.output) < _THUMBNAIL_LIMIT_BYTES:
                return ran.output
        return b""

    def layout(self, file: MediaFile) -> PiecedLayout:
        is_mp4 = sniff(os.pread(file.fd, SNIFFED_BYTES, 0)) == "mp4"
        return moov_first(file.fd) if is_mp4 else as_it_is(file.fd)

    async def _transfer(self, file: MediaFile) -> str:
        ran = await self._run(file, describe_arguments(_source(file)))
        return parse_streams(ran.errors.decode(errors="replace")).transfer if ran is not None else ""

    async def _sound_facts(self, file: MediaFile, kind: str) -> MediaFacts:
        ran = await self._run(file, describe_arguments(_source(file))) if kind in _MIME_TYPES else None
        if ran is None:
            raise ClipferryError(Reason.UNPLAYABLE)
        streams = parse_streams(ran.errors.decode(errors="replace"))
        return MediaFacts(mime_type=_MIME_TYPES[kind], duration_s=streams.duration_s, audio_codec=streams.audio_codec)

    async def _run(self, file: MediaFile, arguments: list[str]) -> _Ran | None:
        """Run ffmpeg on the file; None when it took too long. Dead when this returns, or is cancelled."""
        process = await asyncio.create_subprocess_exec(
            self._ffmpeg,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[file.fd],
            env={},
        )
        try:
            _limit(process.pid, cpu_s=round(self._timeout_s))
            async with asyncio.timeout(self._timeout_s):
                output, errors = await process.communicate()
        except TimeoutError:
            logger.warning("ffmpeg took too long.", action="ffmpeg_timeout", timeout_s=self._timeout_s)
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _Ran(status=process.returncode or 0, output=output, errors=errors)


def _limit(pid: int, *, cpu_s: int) -> None:
    # No preexec_fn: it would fork a process that has grpc's threads.
    for kind, limit in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_DATA, _FFMPEG_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.prlimit(pid, kind, (limit, limit))
        except ProcessLookupError:  # it has ended already
            return


def _source(file: MediaFile) -> str:
    """Return a path by which another process can open the file, which has no name, with an offset of its own."""
    return str(Path("/proc/self/fd") / str(file.fd))


def _mp4_facts(file: MediaFile) -> MediaFacts:
    try:
        movie = read_movie(file.fd)
    except CutShortError as error:
        raise ClipferryError(Reason.INCOMPLETE, "The video ends in the middle.") from error
    except NotMp4Error as error:
        raise ClipferryError(Reason.UNPLAYABLE, "The index of the video cannot be read.") from error
    if movie.video_codec and not (movie.width and movie.height):
        raise ClipferryError(Reason.UNPLAYABLE, "The video does not say how large its picture is.")
    check_picture(movie.width, movie.height)
    return MediaFacts(
        mime_type="video/mp4" if movie.video_codec else "audio/mp4",
        duration_s=movie.duration_s,
        width=movie.width,
        height=movie.height,
        video_codec=movie.video_codec,
        audio_codec=movie.audio_codec,
    )
