"""Makes the file that yt-dlp left into one that plays: mp4 with one picture and one sound, or sound alone."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.codecs import check_playable
from services.processor.adapters.failures import video_too_large
from services.processor.adapters.ffmpeg import INPUT_LIMITS, QUIET, Streams, describe_arguments, parse_streams
from services.processor.adapters.mp4 import CutShortError, NotMp4Error, read_movie
from services.processor.adapters.sniff import SNIFFED_BYTES, sniff

_SHORTEST_SHARE = 0.8
_SHORTEST_GAP_S = 3.0
_EXTENSION_BY_SOUND = {"aac": "m4a", "mp3": "mp3"}


def check_media(path: Path) -> str:
    """Return what the file is by its first bytes.

    Raises:
        ClipferryError: UNPLAYABLE when it is no media, whatever the site called it.
    """
    with path.open("rb") as file:
        kind = sniff(file.read(SNIFFED_BYTES))
    if not kind:
        raise ClipferryError(Reason.UNPLAYABLE, "What the site delivered is not a video or a sound.")
    return kind


def make_playable(
    path: Path, *, is_audio: bool, limit_bytes: int, promised_s: float | None, on_remux: Callable[[], None]
) -> Path:
    """Return the file to send: `path` itself where it will do, else a copy of its streams in a fitting container.

    Args:
        path: What yt-dlp left. Removed when it was copied.
        is_audio: Whether only the sound is wanted.
        limit_bytes: Most bytes of the result.
        promised_s: Duration by the site, if it said one.
        on_remux: Called before a copy.

    Raises:
        ClipferryError: UNPLAYABLE, INCOMPLETE or VIDEO_TOO_LARGE.
    """
    kind = check_media(path)
    if not _is_ready(path, kind, is_audio=is_audio):
        on_remux()
        path = _copy_streams(path, is_audio=is_audio, limit_bytes=limit_bytes)
    size_bytes = path.stat().st_size
    if size_bytes > limit_bytes:
        raise video_too_large(size_bytes, limit_bytes)
    _check_duration(path, promised_s)
    return path


def _is_ready(path: Path, kind: str, *, is_audio: bool) -> bool:
    if kind == "mp3":
        return is_audio
    if kind != "mp4":
        return False
    with path.open("rb") as file:
        try:
            movie = read_movie(file.fileno())
        except CutShortError as error:
            raise ClipferryError(Reason.INCOMPLETE, "The video ends in the middle.") from error
        except NotMp4Error:
            return False
    return not movie.is_fragmented and not (is_audio and movie.video_codec)


def _copy_streams(path: Path, *, is_audio: bool, limit_bytes: int) -> Path:
    streams = _describe(path)
    if is_audio and not streams.audio_codec:
        raise ClipferryError(Reason.NO_VIDEO, "The video has no sound.")
    check_playable("" if is_audio else streams.video_codec, streams.audio_codec)
    wants_picture = bool(streams.video_codec) and not is_audio
    extension = "mp4" if wants_picture else _EXTENSION_BY_SOUND[streams.audio_codec]
    result = path.with_name(f"r.{extension}")
    maps = ["-map", "0:V:0", "-map", "0:a:0?"] if wants_picture else ["-map", "0:a:0"]
    # iOS plays HEVC only under this tag.
    tag = ["-tag:v", "hvc1"] if wants_picture and streams.video_codec == "hevc" else []
    form = "mp3" if extension == "mp3" else "mp4"
    arguments = [*QUIET, *INPUT_LIMITS, "-i", str(path), *maps, "-c", "copy", *tag, "-f", form, "-y", str(result)]
    done = subprocess.run(["ffmpeg", *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603, S607 - PATH holds nothing else
    if done.returncode == -signal.SIGXFSZ:
        raise video_too_large(limit_bytes + 1, limit_bytes)
    if done.returncode != 0:
        raise ClipferryError(Reason.UNPLAYABLE, "The streams of the video could not be put into an mp4.")
    path.unlink()
    return result


def _describe(path: Path) -> Streams:
    done = subprocess.run(  # noqa: S603 - our own arguments
        ["ffmpeg", *describe_arguments(str(path))],  # noqa: S607 - PATH holds nothing else
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return parse_streams(done.stderr.decode(errors="replace"))


def _check_duration(path: Path, promised_s: float | None) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        duration_s = read_movie(fd).duration_s
    except NotMp4Error:
        return
    finally:
        os.close(fd)
    if promised_s is None or duration_s is None:
        return
    if duration_s < promised_s * _SHORTEST_SHARE and promised_s - duration_s > _SHORTEST_GAP_S:
        raise ClipferryError(
            Reason.INCOMPLETE,
            f"The file lasts {duration_s:.0f} s; the site promised {promised_s:.0f} s.",
            duration_s=round(duration_s),
            promised_s=round(promised_s),
        )
