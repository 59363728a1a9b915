"""Makes the site's media with ffmpeg, in memory, in about two seconds."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.site.ffmpeg import ffmpeg

DURATION_S = 8.0
WIDTH = 640
HEIGHT = 360

_FPS = 25
_PICTURE = (
    f"gradients=s={WIDTH}x{HEIGHT}:r={_FPS}:d={DURATION_S}:n=4:seed=7:speed=0.02[back];"
    f"testsrc2=s=320x180:r={_FPS}:d={DURATION_S}[front];"
    "[back][front]overlay=x='160+120*sin(t)':y='90+60*cos(1.3*t)',format=yuv420p"
)
_SOUND = f"sine=f=330:d={DURATION_S},tremolo=f=4:d=0.6"
_KEY = bytes(range(16))
_HLS = ("-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod")

_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".key": "application/octet-stream",
    ".jpg": "image/jpeg",
}


@dataclass(frozen=True)
class Media:
    """Everything the site serves, and what is true of its clip.

    Args:
        files: Bodies by path below ``/media/``, such as ``hls/index.m3u8``. Not shown: megabytes.
        frames_sha256: Of the clip's decoded pictures: the same after any change of container.
        mdat_sha256: Of the clip's media data: the same after its index was moved to the front.
    """

    files: Mapping[str, bytes] = field(repr=False)
    frames_sha256: str
    mdat_sha256: str

    @property
    def clip(self) -> bytes:
        """The clip that every sample is made of: H.264 and AAC, its index at the end."""
        return self.files["clip.mp4"]


def content_type(path: str) -> str:
    """Return the media type of a file by its extension."""
    return _TYPES[Path(path).suffix]


async def make_media() -> Media:
    """Make the clip and its variants.

    Raises:
        RuntimeError: If ffmpeg fails.
    """
    with _work_directory() as directory:
        await _make_clip(directory)
        frames = await _frames_sha256(directory)
        await asyncio.gather(
            _make_poster(directory),
            _make_rotated(directory),
            _make_silent(directory),
            _make_webm(directory),
            _make_hls(directory, "hls"),
            _make_hls(directory, "hls-fmp4", "-hls_segment_type", "fmp4"),
            _make_encrypted(directory),
            _make_hls_with_separate_audio(directory),
            _make_dash(directory),
        )
        files = await asyncio.to_thread(_read_all, directory)
    files |= _made_from(files)
    return Media(files, frames, hashlib.sha256(mp4_box(files["clip.mp4"], b"mdat")).hexdigest())


@contextlib.contextmanager
def _work_directory() -> Iterator[Path]:
    memory = Path("/dev/shm")  # noqa: S108 - a private directory is made below it
    with tempfile.TemporaryDirectory(prefix="clipferry-site-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


async def _make_clip(directory: Path) -> None:
    await ffmpeg(
        *("-f", "lavfi", "-i", _PICTURE, "-f", "lavfi", "-i", _SOUND),
        *("-c:v", "libx264", "-preset", "veryfast", "-g", str(2 * _FPS), "-sc_threshold", "0"),
        *("-b:v", "2400k", "-minrate", "2400k", "-maxrate", "2400k", "-bufsize", "2400k"),
        *("-x264-params", "nal-hrd=cbr"),
        *("-c:a", "aac", "-b:a", "128k", "clip.mp4"),
        cwd=directory,
    )


async def _frames_sha256(directory: Path) -> str:
    return frames_hash(await ffmpeg(*FRAMES_HASH, "-i", "clip.mp4", *FRAMES_HASH_OUTPUT, cwd=directory))


FRAMES_HASH = ("-noautorotate",)
"""ffmpeg's input options to hash decoded pictures."""
FRAMES_HASH_OUTPUT = ("-map", "0:v:0", "-fps_mode", "passthrough", "-f", "hash", "-hash", "sha256", "-")
"""ffmpeg's output options to hash decoded pictures."""


def frames_hash(output: bytes) -> str:
    """Return the digest in what ffmpeg printed for `FRAMES_HASH_OUTPUT`."""
    return output.decode().strip().rpartition("=")[2]


async def _make_poster(directory: Path) -> None:
    await ffmpeg("-ss", "3", "-i", "clip.mp4", "-frames:v", "1", "-q:v", "3", "poster.jpg", cwd=directory)


async def _make_rotated(directory: Path) -> None:
    await ffmpeg("-display_rotation:v:0", "90", "-i", "clip.mp4", "-c", "copy", "rotated.mp4", cwd=directory)


async def _make_silent(directory: Path) -> None:
    await ffmpeg("-i", "clip.mp4", "-an", "-c", "copy", "silent.mp4", cwd=directory)


async def _make_webm(directory: Path) -> None:
    await ffmpeg(
        *("-i", "clip.mp4", "-vf", "scale=320:180"),
        *("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"),
        *("-c:a", "libopus", "-b:a", "48k", "vp9.webm"),
        cwd=directory,
    )


async def _make_hls(directory: Path, name: str, *options: str) -> None:
    target = directory / name
    target.mkdir()
    await ffmpeg("-i", "../clip.mp4", *_HLS, *options, "index.m3u8", cwd=target)


async def _make_encrypted(directory: Path) -> None:
    target = directory / "hls-aes"
    target.mkdir()
    (target / "clip.key").write_bytes(_KEY)
    (target / "key.info").write_text(f"clip.key\nclip.key\n{'00' * 16}\n")
    await ffmpeg("-i", "../clip.mp4", *_HLS, "-hls_key_info_file", "key.info", "index.m3u8", cwd=target)


async def _make_hls_with_separate_audio(directory: Path) -> None:
    target = directory / "hls-audio"
    target.mkdir()
    await ffmpeg(
        *("-i", "../clip.mp4", "-map", "0:v", "-map", "0:a", *_HLS),
        *("-var_stream_map", "v:0,agroup:sound a:0,agroup:sound,default:yes"),
        *("-master_pl_name", "index.m3u8", "part-%v.m3u8"),
        cwd=target,
    )


async def _make_dash(directory: Path) -> None:
    target = directory / "dash"
    target.mkdir()
    await ffmpeg(
        *("-i", "../clip.mp4", "-c", "copy", "-f", "dash", "-seg_duration", "2"),
        *("-adaptation_sets", "id=0,streams=v id=1,streams=a", "index.mpd"),
        cwd=target,
    )


def _read_all(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.suffix in _TYPES
    }


def _made_from(files: Mapping[str, bytes]) -> dict[str, bytes]:
    playlist = files["hls/index.m3u8"]
    segments = {path: body for path, body in files.items() if path.startswith("hls/") and path.endswith(".ts")}
    live = playlist.replace(b"#EXT-X-ENDLIST\n", b"").replace(b"#EXT-X-PLAYLIST-TYPE:VOD\n", b"")
    made = {"live/index.m3u8": live, "hls-broken/index.m3u8": playlist}
    for number, (path, body) in enumerate(segments.items()):
        made[path.replace("hls/", "live/", 1)] = body
        if number != 1:
            made[path.replace("hls/", "hls-broken/", 1)] = body
    return made


def mp4_box(body: bytes, kind: bytes) -> bytes:
    """Return the payload of the first top-level box of `kind`.

    Raises:
        ValueError: If there is none.
    """
    at = 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        header = 8
        if size == 1:
            size, header = int.from_bytes(body[at + 8 : at + 16], "big"), 16
        size = size or len(body) - at
        if body[at + 4 : at + 8] == kind:
            return body[at + header : at + size]
        at += max(size, header)
    raise ValueError(f"no {kind.decode()} box")
