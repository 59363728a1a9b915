"""Adds up the bytes of all streams and fragments of a download. yt-dlp's own line starts again for each stream."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.processor.adapters import claims


def estimated_bytes(fmt: Mapping[str, Any]) -> int:
    """Return how many bytes a format will have by what the site says of it; 0 when it does not."""
    return claims.size(fmt.get("filesize")) or claims.size(fmt.get("filesize_approx"))


class Tally:
    """Called by yt-dlp for each block, also from several threads.

    Args:
        expected_bytes: Estimate for each format, by its id; 0 when unknown.
        limit_bytes: Most bytes over all streams.
        on_moved: Called for each block with bytes done (never falls), bytes in total (0 when unknown) and bytes per
            second.
        on_too_large: Called with the size as soon as it is sure; must not return.
        on_stream: Called with the name of each finished file.
    """

    def __init__(
        self,
        expected_bytes: Mapping[str, int],
        *,
        limit_bytes: int,
        on_moved: Callable[[int, int, int], None],
        on_too_large: Callable[[int], None],
        on_stream: Callable[[str], None],
    ) -> None:
        self._expected_bytes = expected_bytes
        self._limit_bytes = limit_bytes
        self._on_moved = on_moved
        self._on_too_large = on_too_large
        self._on_stream = on_stream
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._announced: dict[str, int] = {}
        self.done_bytes = 0
        """Bytes of all streams; never falls."""

    def hook(self, status: Mapping[str, Any]) -> None:
        """Take one event of yt-dlp's ``progress_hooks``."""
        if status["status"] not in {"downloading", "finished"}:
            return
        with self._lock:
            is_end = status["status"] == "finished"
            self._count(status, is_end=is_end)
            self._on_moved(self.done_bytes, self._total_bytes(), int(status.get("speed") or 0))
        if is_end:
            self._on_stream(str(status["filename"]))

    def _count(self, status: Mapping[str, Any], *, is_end: bool) -> None:
        stream = str(status["info_dict"].get("format_id"))
        done = int(status.get("downloaded_bytes") or 0)
        announced = int(status.get("total_bytes") or 0)
        self._done[stream] = done
        # What a stream that has ended holds is known, whatever was estimated before.
        self._total[stream] = done if is_end else int(announced or status.get("total_bytes_estimate") or 0)
        self._announced[stream] = max(announced, done)
        self.done_bytes = max(self.done_bytes, sum(self._done.values()))
        sure_bytes = sum(self._announced.values())
        if sure_bytes > self._limit_bytes:
            self._on_too_large(sure_bytes)

    def _total_bytes(self) -> int:
        streams: Sequence[str] = list({**self._expected_bytes, **self._total})
        parts = [self._total.get(stream) or self._expected_bytes.get(stream, 0) for stream in streams]
        # An unknown part makes the whole unknown: a total that grows later would run the line backwards.
        return max(sum(parts), self.done_bytes) if all(parts) else 0
