"""yt-dlp's options: nothing on disk, nothing past the proxy, nothing silently skipped."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.processor.adapters.ffmpeg import INPUT_LIMITS
from services.processor.adapters.messages import JobOrder
from services.processor.adapters.prompt_reads import BLOCK_BYTES

LISTED_COUNT = 200
"""Entries of a list that are looked at, at most."""
FILE_STEM = "v"
"""Of every file that yt-dlp writes."""

_VIDEO_FORMAT = "b[ext=mp4]/bv*+ba/b"
_AUDIO_FORMAT = "ba[ext=m4a]/ba[ext=mp3]/ba/b"
_SORT = ("vcodec:h264", "acodec:aac")
"""Before everything else: what every Telegram app plays."""

WARM_OPTIONS = {"quiet": True, "cachedir": False, "format": _VIDEO_FORMAT, "format_sort": list(_SORT)}
"""Of what is done once, for all jobs, before the first."""


class Log:
    """Takes yt-dlp's lines and keeps none: errors come as exceptions."""

    def debug(self, message: str) -> None:
        """Drop it."""

    def warning(self, message: str) -> None:
        """Drop it."""

    def error(self, message: str) -> None:
        """Drop it."""


def ytdlp_options(order: JobOrder, job_dir: Path) -> dict[str, Any]:
    """Return the options for one job."""
    headers = {"Referer": order.referer, "User-Agent": order.user_agent}
    return {
        "outtmpl": {"default": f"{FILE_STEM}.%(ext)s"},
        "paths": {"home": str(job_dir), "temp": str(job_dir)},
        "cachedir": False,
        "quiet": True,
        "noprogress": True,
        "logger": Log(),
        "updatetime": False,
        "noplaylist": True,
        # Does not stop a page with several videos from being a list; this looks at the list without following it.
        "extract_flat": "in_playlist",
        "playlist_items": str(order.playlist_item) if order.playlist_item else f"1:{LISTED_COUNT}",
        "format": order.format or (_AUDIO_FORMAT if order.is_audio else _VIDEO_FORMAT),
        "format_sort": list(_SORT),
        "merge_output_format": "mp4",
        "proxy": order.proxy_url,
        "socket_timeout": order.socket_timeout_s,
        "retries": 2,
        "fragment_retries": 2,
        "extractor_retries": 1,
        # True by default: a video with a hole would count as whole.
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": order.fragments_at_once,
        "buffersize": BLOCK_BYTES,
        "noresizebuffer": True,
        "allow_unplayable_formats": False,
        # Remuxing is done once, at the end, by `remux`.
        "fixup": "never",
        # The key "ffmpeg_i" alone is silently ignored.
        "postprocessor_args": {"merger+ffmpeg_i": list(INPUT_LIMITS)},
        # Of a recording: every packet is in the file at once, so that closing it loses none.
        "external_downloader_args": {"ffmpeg_o": ["-flush_packets", "1"]},
        "http_headers": {name: value for name, value in headers.items() if value},
    }


def hooks(on_progress: Callable[[Mapping[str, Any]], None], on_merge: Callable[[], None]) -> dict[str, Any]:
    """Return the options that report what happens."""

    def on_postprocessor(status: Mapping[str, Any]) -> None:
        if status["status"] == "started" and status["postprocessor"] == "Merger":
            on_merge()

    return {"progress_hooks": [on_progress], "postprocessor_hooks": [on_postprocessor]}
