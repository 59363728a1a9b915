"""Media in shapes that do not play everywhere, made by ffmpeg in memory: small, and each made once."""

import functools
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.site_media import FFMPEG, ffmpeg

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "64k")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k")
OPUS = ("-c:a", "libopus", "-b:a", "48k")

_STREAM = re.compile(r"Stream #0:\d+.*?: (Video|Audio): (\w+).*")
_SIZE = re.compile(r"\b([1-9]\d{0,4})x([1-9]\d{0,4})\b")
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d\.\d+)")


def picture(size: str = "320x180", *, duration_s: float = 2, rate: int = 25, source: str = "testsrc2") -> Sequence[str]:
    """Return the arguments for an input with a picture."""
    return ("-f", "lavfi", "-i", f"{source}=s={size}:d={duration_s}:r={rate}")


def sound(*, duration_s: float = 2) -> Sequence[str]:
    """Return the arguments for an input with a sound."""
    return ("-f", "lavfi", "-i", f"sine=d={duration_s}")


@functools.cache
def _made(arguments: tuple[str, ...], name: str) -> bytes:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="clipferry-shape-"))
    path = folder / name
    try:
        ffmpeg(*arguments, path)
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
        folder.rmdir()


def made(*arguments: str, name: str = "clip.mp4") -> bytes:
    """Return the file that ffmpeg makes of `arguments`; `name` tells its container."""
    return _made(arguments, name)


@dataclass(frozen=True)
class Shape:
    """What ffmpeg says of a file."""

    video_codec: str
    audio_codec: str
    width: int
    height: int
    duration_s: float


def shape_of(path: str | Path) -> Shape:
    """Return what ffmpeg says of the file at `path`."""
    done = subprocess.run([FFMPEG, "-hide_banner", "-nostdin", "-i", str(path)], capture_output=True, check=False)
    text = done.stderr.decode()
    lines = {match[1]: match for match in _STREAM.finditer(text)}
    size = _SIZE.search(lines["Video"][0]) if "Video" in lines else None
    duration = _DURATION.search(text)
    assert duration is not None, text
    return Shape(
        video_codec=lines["Video"][2] if "Video" in lines else "",
        audio_codec=lines["Audio"][2] if "Audio" in lines else "",
        width=int(size[1]) if size else 0,
        height=int(size[2]) if size else 0,
        duration_s=int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]),
    )


def picture_md5(path: str | Path) -> str:
    """Return a digest of the packets of the picture."""
    return ffmpeg("-i", path, "-map", "0:v:0", "-c", "copy", "-f", "md5", "-").strip()


def player(*sources: tuple[str, str, int], title: str = "A page", poster: str = "") -> str:
    """Return a page with one player that offers these sources: address, content type and height of each."""
    tags = "".join(f"<source src={json.dumps(url)} type='{kind}' res={height}>" for url, kind, height in sources)
    return f"<html><head><title>{title}</title></head><body><video poster='{poster}'>{tags}</video></body></html>"
