"""Keeps yt-dlp from making lines about its progress: nobody sees them, and it makes two after each block."""

from typing import Any

from yt_dlp.downloader.common import FileDownloader  # type: ignore[import-untyped]  # ships no types


def install() -> None:
    """Make all downloaders of this process and its children do without. Progress hooks are called as before."""
    FileDownloader._report_progress_status = _make_none


def _make_none(_self: FileDownloader, _status: dict[str, Any], _template: str) -> None:
    pass
