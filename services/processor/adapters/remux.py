"""Makes the file that yt-dlp left into one that plays: mp4 with one picture and one sound, or sound alone."""

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.codecs import check_picture, plays
from services.processor.adapters.failures import video_too_large
from services.processor.adapters.ffmpeg import INPUT_LIMITS, QUIET, Streams, describe_arguments, parse_streams
from services.processor.adapters.hevc import call_hvc1
from services.processor.adapters.mp4 import CutShortError, Movie, NotMp4Error, read_movie
from services.processor.adapters.sniff import SNIFFED_BYTES, sniff
from services.processor.adapters.tags import Tags, parse_tags
from services.processor.adapters.transcode import Bounds, file_source, transcode
from services.processor.core.recipe import make_recipe

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


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a file has to become."""

    is_audio: bool
    """Only the sound is wanted."""
    limit_bytes: int
    """Most bytes of the result."""
    promised_s: float | None
    """Duration by the site, if it said one."""
    bounds: Bounds
    """Of a run that re-encodes."""


def make_playable(path: Path, wish: Wish, *, on_remux: Callable[[], None], on_share: Callable[[float], None]) -> Path:
    """Return the file to send: `path` itself where it will do, else one that holds its streams in a way that plays.

    Streams are copied where the apps play them, and re-encoded where they do not. A silent video gets a silent sound:
    Telegram would make an animation of it.

    Args:
        path: What yt-dlp left. Removed when there is another result.
        on_remux: Called before a copy.
        on_share: Called with the part that is re-encoded, 0 to 1.

    Raises:
        ClipferryError: UNPLAYABLE, INCOMPLETE, NO_VIDEO or VIDEO_TOO_LARGE.
    """
    kind = check_media(path)
    if not _is_ready(path, kind, is_audio=wish.is_audio):
        path = _remade(path, wish, on_remux=on_remux, on_share=on_share)
    size_bytes = path.stat().st_size
    if size_bytes > wish.limit_bytes:
        raise video_too_large(size_bytes, wish.limit_bytes)
    _check_duration(path, wish.promised_s)
    call_hvc1(path)
    return _rightly_named(path)


def _rightly_named(path: Path) -> Path:
    """Return the file under the extension by which apps know what it is, whatever the site called it."""
    extension = check_media(path)
    if extension == "mp4":
        movie = _movie(path)
        extension = "mp4" if movie is not None and movie.video_codec else "m4a"
    return path.rename(path.with_suffix(f".{extension}"))


def _is_ready(path: Path, kind: str, *, is_audio: bool) -> bool:
    if kind == "mp3":
        return is_audio
    if kind != "mp4":
        return False
    movie = _movie(path)
    if movie is None or movie.is_fragmented or not plays(movie.video_codec, movie.audio_codec):
        return False
    return not movie.video_codec if is_audio else bool(movie.video_codec and movie.audio_codec)


def _movie(path: Path) -> Movie | None:
    with path.open("rb") as file:
        try:
            return read_movie(file.fileno())
        except CutShortError as error:
            raise ClipferryError(Reason.INCOMPLETE, "The video ends in the middle.") from error
        except NotMp4Error:
            return None


def _remade(path: Path, wish: Wish, *, on_remux: Callable[[], None], on_share: Callable[[float], None]) -> Path:
    streams = _describe(path)
    check_picture(streams.width, streams.height)
    if wish.is_audio and not streams.audio_codec:
        raise ClipferryError(Reason.NO_VIDEO, "The video has no sound.")
    if not streams.video_codec and not streams.audio_codec:
        raise ClipferryError(Reason.UNPLAYABLE, "The file holds neither picture nor sound.")
    if plays("" if wish.is_audio else streams.video_codec, streams.audio_codec):
        on_remux()
        result = _copied(path, streams, wish)
    else:
        on_share(0.0)
        result = _reencoded(path, streams, wish, on_share)
        if streams.video_codec and not wish.is_audio and not streams.audio_codec:
            path.unlink()
            path = result
            result = _copied(path, _describe(path), wish)
    if result != path:
        path.unlink()
    return result


def _copied(path: Path, streams: Streams, wish: Wish) -> Path:
    """Return a copy of the streams in a container of their own, with a silent sound where there is none."""
    is_silent = bool(streams.video_codec) and not wish.is_audio and not streams.audio_codec
    if is_silent and streams.duration_s:
        result = path.with_name("q.mp4")
        if _copy(path, _silence(streams.duration_s), result) == 0:
            return result
        # There was no room for it. An animation is better than nothing.
        result.unlink(missing_ok=True)
        movie = _movie(path) if check_media(path) == "mp4" else None
        if movie is not None and not movie.is_fragmented:
            return path
    with_picture = bool(streams.video_codec) and not wish.is_audio
    extension = "mp4" if with_picture else _EXTENSION_BY_SOUND[streams.audio_codec]
    result = path.with_name(f"r.{extension}")
    maps = ["-map", "0:V:0", "-map", "0:a:0?"] if with_picture else ["-map", "0:a:0"]
    status = _copy(path, [*maps, "-c", "copy"], result)
    if status == -signal.SIGXFSZ:
        raise video_too_large(wish.limit_bytes + 1, wish.limit_bytes)
    if status != 0:
        raise ClipferryError(Reason.UNPLAYABLE, "The streams of the video could not be put into an mp4.")
    return result


def _silence(duration_s: float) -> list[str]:
    """Return the arguments that take the picture, and as much silence: some hundred bytes a second."""
    sound = f"anullsrc=r=44100:cl=mono:d={duration_s:.3f}"
    return ["-f", "lavfi", "-i", sound, "-map", "0:V:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "16k"]


def _copy(path: Path, arguments: list[str], result: Path) -> int:
    """Run ffmpeg on `path`; returns its exit status."""
    form = "mp3" if result.suffix == ".mp3" else "mp4"
    whole = [*QUIET, *INPUT_LIMITS, "-i", str(path), *arguments, "-f", form, "-y", str(result)]
    return subprocess.run(["ffmpeg", *whole], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode  # noqa: S603, S607 - PATH holds nothing else


def _reencoded(path: Path, streams: Streams, wish: Wish, on_share: Callable[[float], None]) -> Path:
    with_picture = bool(streams.video_codec) and not wish.is_audio
    keeps_picture = with_picture and plays(streams.video_codec, "")
    # A picture that is kept has the size that it has.
    bounded_by_s = None if keeps_picture else streams.duration_s
    recipe = make_recipe(bounded_by_s, wish.limit_bytes, is_audio=not with_picture)
    if recipe is None:
        raise video_too_large(max(path.stat().st_size, wish.limit_bytes + 1), wish.limit_bytes)
    source = file_source(
        path,
        with_picture=with_picture,
        keeps_picture=keeps_picture,
        keeps_sound=plays("", streams.audio_codec),
        transfer=streams.transfer,
    )
    result = path.with_name("r.mp4" if with_picture else "r.m4a")
    transcode(source, replace(recipe, duration_s=streams.duration_s or 0.0), result, wish.bounds, on_share)
    return result


def read_tags(path: Path) -> Tags:
    """Return what a file says of itself."""
    return parse_tags(_said_of(path))


def _describe(path: Path) -> Streams:
    return parse_streams(_said_of(path))


def _said_of(path: Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own arguments
        ["ffmpeg", *describe_arguments(str(path))],  # noqa: S607 - PATH holds nothing else
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.stderr.decode(errors="replace")


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
