"""What bounds the downloads of one processor."""

from dataclasses import dataclass


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
    page_bytes: int = 64 * 1024 * 1024
    """Most bytes that may come from the web until it is known what there is."""
    page_s: float = 120.0
    """Longest time until it is known what there is."""
    limit_bytes: int = 50_000_000
    """Most bytes that may be sent; a request may ask for less."""
    transcode_cpu_s: int = 900
    """Seconds of CPU of an ffmpeg that re-encodes."""
    transcode_timeout_s: float = 540.0
    """Longest time that re-encoding may take."""
