"""Media that ffmpeg makes for tests, once per run, in memory."""

import subprocess
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]  # ships no types

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg; returns what it wrote to standard output."""
    command = [FFMPEG, "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def packets_md5(path: Path | str) -> str:
    """Return a digest over all packets: equal for files that hold the same media, wherever their index is."""
    return ffmpeg("-i", path, "-map", "0", "-c", "copy", "-f", "md5", "-").strip()


def decoded_seconds(path: Path | str) -> float:
    """Decode everything, and return how many seconds of picture there were. Fails on any error."""
    text = ffmpeg("-xerror", "-i", path, "-map", "0:v:0", "-map", "0:a:0?", "-f", "null", "-progress", "-", "-")
    stamps = [line.partition("=")[2] for line in text.splitlines() if line.startswith("out_time_us=")]
    return int(stamps[-1]) / 1_000_000


def make_media(folder: Path) -> None:
    """Fill `folder` with one clip of 4 s in every shape that a site may serve."""
    clip = folder / "clip.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc=s=320x180:d=4:r=25"]
    sound = ["-f", "lavfi", "-i", "sine=d=4"]
    h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "800k", "-g", "25", "-pix_fmt", "yuv420p"]
    ffmpeg(*picture, *sound, *h264, "-c:a", "aac", "-shortest", clip)
    copy: list[str | Path] = ["-i", clip, "-c", "copy"]
    for name in ("hls", "fmp4", "split", "dash", "live"):
        (folder / name).mkdir()
    vod = ["-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod"]
    ffmpeg(*copy, *vod, folder / "hls" / "index.m3u8")
    ffmpeg(*copy, *vod, "-hls_segment_type", "fmp4", folder / "fmp4" / "index.m3u8")
    ffmpeg(*copy, "-f", "hls", "-hls_time", "1", "-hls_flags", "omit_endlist", folder / "live" / "index.m3u8")
    groups = "v:0,agroup:a a:0,agroup:a,default:yes"
    ffmpeg("-i", clip, "-map", "0:v", "-map", "0:a", "-c", "copy", *vod, "-master_pl_name", "master.m3u8",
           "-var_stream_map", groups, folder / "split" / "s%v.m3u8")  # fmt: skip
    ffmpeg("-i", clip, "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "dash", "-seg_duration", "1",
           "-adaptation_sets", "id=0,streams=v id=1,streams=a", folder / "dash" / "manifest.mpd")  # fmt: skip
    ffmpeg(*copy, folder / "clip.mkv")
    ffmpeg(*picture, "-t", "0.4", "-c:v", "libvpx-vp9", "-deadline", "realtime", folder / "vp9.webm")
    ffmpeg(*copy, "-an", "-movflags", "+faststart", folder / "silent.mp4")
    ffmpeg("-display_rotation:v:0", "90", *copy, folder / "rotated.mp4")
    ffmpeg(*picture, *h264, "-t", "0.4", "-vf", "setsar=2/1", folder / "wide.mp4")
    ffmpeg(*sound, "-c:a", "libmp3lame", folder / "sound.mp3")
