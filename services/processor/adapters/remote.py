"""A plain file on the web, of which little is read: how large it is, and what its index says."""

import re
import time
from collections.abc import Mapping
from typing import Any

from yt_dlp.networking import Request  # type: ignore[import-untyped]  # ships no types
from yt_dlp.networking.exceptions import RequestError  # type: ignore[import-untyped]  # ships no types

from services.processor.adapters.mp4 import Movie, NotMp4Error, parse_movie, top_box
from services.processor.adapters.sniff import sniff

_TIMEOUT_S = 8.0
_READ_S = 3.0
"""Longest read of one part."""
_HEAD_BYTES = 65_536
_BLOCK_BYTES = 1_024
"""Of one read, which waits for all of it, however slowly it comes."""
_INDEX_LIMIT_BYTES = 4_000_000
_MOST_BOXES = 16
_MOST_READS = 3
_SPAN = re.compile(r"bytes (\d+)-\d+/(\d+)\Z")


def request(fmt: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Request:
    """Return a request for a format of yt-dlp's."""
    whole = {**(fmt.get("http_headers") or {}), **(headers or {})}
    return Request(fmt["url"], headers=whole, extensions={"timeout": _TIMEOUT_S})


class RemoteFile:
    """One file. Its first bytes are read with the question how large it is, if the site obeys ranges."""

    def __init__(self, ydl: Any, fmt: Mapping[str, Any]) -> None:
        self._ydl = ydl
        self._fmt = fmt
        self.size_bytes = 0
        """0 when unknown."""
        self.obeys_ranges = False
        self._read_count = 0
        self._head = self._read(0, _HEAD_BYTES)

    def movie(self) -> Movie | None:
        """Return what the index of an mp4 says; None where there is none that can be read cheaply."""
        if not self.obeys_ranges or sniff(self._head) != "mp4":
            return None
        data, data_at, at = self._head, 0, 0
        try:
            for _ in range(_MOST_BOXES):
                if at + 16 > data_at + len(data):
                    data, data_at = self._read(at, _HEAD_BYTES), at
                box = top_box(data[at - data_at :][:16], at, self.size_bytes)
                if box.kind == "moov":
                    index = data[at - data_at :][: box.size]
                    is_whole = len(index) == box.size
                    return parse_movie(index if is_whole else self._read(at, min(box.size, _INDEX_LIMIT_BYTES)))
                at = box.end
        except NotMp4Error:
            pass
        return None

    def _read(self, at: int, length: int) -> bytes:
        """Return a part; less of it where it is slow, or cannot be had."""
        if self._read_count >= _MOST_READS:
            return b""
        self._read_count += 1
        asked = request(self._fmt, {"Range": f"bytes={at}-{at + length - 1}", "Accept-Encoding": "identity"})
        try:
            # Not HEAD: many signed addresses take nothing but GET.
            with self._ydl.urlopen(asked) as response:
                span = _SPAN.match(response.headers.get("Content-Range") or "")
                if span is None or int(span[1]) != at:
                    self._note_length(response)
                    return b""
                self.size_bytes, self.obeys_ranges = int(span[2]), True
                return _read_in_time(response, length)
        except (RequestError, OSError):
            return b""

    def _note_length(self, response: Any) -> None:
        length = response.headers.get("Content-Length") or ""
        is_whole = response.status == 200 and not response.headers.get("Content-Encoding")
        self.size_bytes = int(length) if is_whole and length.isdigit() else 0


def _read_in_time(response: Any, length: int) -> bytes:
    data = bytearray()
    end_s = time.monotonic() + _READ_S
    while len(data) < length and time.monotonic() < end_s and (block := response.read(_BLOCK_BYTES)):
        data += block
    return bytes(data[:length])
