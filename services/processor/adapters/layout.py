"""An mp4 with its index moved to the front, without a second copy: patched offsets, the rest by pread."""

import array
import os
import struct
import sys
from bisect import bisect_right
from dataclasses import dataclass

from services.processor.adapters.mp4 import Box, NotMp4Error, child_boxes, find_moov, top_boxes

_CONTAINERS = frozenset({"trak", "mdia", "minf", "stbl"})


@dataclass(frozen=True)
class _Piece:
    """Bytes of the result: held here, or a range of the file."""

    start: int
    size: int
    file_offset: int
    held: bytes | None = None

    def read(self, fd: int, offset: int, length: int) -> bytes:
        at = offset - self.start
        length = min(length, self.size - at)
        if self.held is not None:
            return self.held[at : at + length]
        return os.pread(fd, length, self.file_offset + at)


class PiecedLayout:
    """The bytes to send, in order. Borrows `fd`."""

    def __init__(self, fd: int, parts: list[bytes | tuple[int, int]]) -> None:
        """`parts`: bytes, or ``(offset, size)`` in the file."""
        self._fd = fd
        self._pieces: list[_Piece] = []
        self._size_bytes = 0
        for part in parts:
            held, (offset, size) = (part, (0, len(part))) if isinstance(part, bytes) else (None, part)
            if size:
                self._pieces.append(_Piece(self._size_bytes, size, offset, held))
                self._size_bytes += size
        self._starts = [piece.start for piece in self._pieces]

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def read(self, offset: int, length: int) -> bytes:
        if offset >= self._size_bytes:
            return b""
        index = bisect_right(self._starts, offset) - 1
        first = self._pieces[index].read(self._fd, offset, length)
        if len(first) == length or index + 1 == len(self._pieces) or not first:
            return first
        # Only where two pieces meet, so the join costs nothing that counts.
        return first + self.read(offset + len(first), length - len(first))


def as_it_is(fd: int) -> PiecedLayout:
    """Return the file unchanged."""
    return PiecedLayout(fd, [(0, os.fstat(fd).st_size)])


def moov_first(fd: int) -> PiecedLayout:
    """Return the file with `moov` before the first `mdat`; unchanged where it is so already or cannot be made so."""
    try:
        boxes = top_boxes(fd)
        moov = find_moov(fd, boxes)
    except NotMp4Error:
        return as_it_is(fd)
    index = next(box for box in boxes if box.kind == "moov")
    data = next((box for box in boxes if box.kind == "mdat"), None)
    if data is None or index.start < data.start or any(box.kind == "moof" for box in boxes):
        return as_it_is(fd)
    patched = bytearray(moov)
    try:
        _shift_offsets(patched, _root(patched), first=data.start, end=index.start, by=index.size)
    except (NotMp4Error, OverflowError, struct.error):
        return as_it_is(fd)
    file_bytes = os.fstat(fd).st_size
    return PiecedLayout(
        fd,
        [
            (0, data.start),
            bytes(patched),
            (data.start, index.start - data.start),
            (index.end, file_bytes - index.end),
        ],
    )


def _root(moov: bytearray) -> Box:
    return Box("moov", 0, len(moov), 16 if moov[:4] == b"\0\0\0\1" else 8)


def _shift_offsets(moov: bytearray, parent: Box, *, first: int, end: int, by: int) -> None:
    """Add `by` to every chunk offset from `first` to before `end`: what lay before the old place of `moov`.

    Raises:
        OverflowError: When an offset does not fit its 32 bits any more.
    """
    for box in child_boxes(moov, parent):
        if box.kind in _CONTAINERS:
            _shift_offsets(moov, box, first=first, end=end, by=by)
        elif box.kind == "stco":
            _shift(moov, box, "I", first=first, end=end, by=by)
        elif box.kind == "co64":
            _shift(moov, box, "Q", first=first, end=end, by=by)


def _shift(moov: bytearray, box: Box, code: str, *, first: int, end: int, by: int) -> None:
    at = box.start + box.header + 8
    count = struct.unpack_from(">I", moov, at - 4)[0]
    offsets = array.array(code)
    width = offsets.itemsize
    if at + count * width > box.end:
        raise NotMp4Error("more offsets than fit")
    offsets.frombytes(moov[at : at + count * width])
    if sys.byteorder == "little":
        offsets.byteswap()
    moved = array.array(code, [offset + by if first <= offset < end else offset for offset in offsets])
    if sys.byteorder == "little":
        moved.byteswap()
    moov[at : at + count * width] = moved.tobytes()
