"""Frames that leave in one write. Clients that are told the same in the same order share them, and their bytes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

Keyed = tuple[bytes, Hashable]
"""A frame and its key; see `Bundle.then`."""

PIECE_BYTES = 4 * 1024
"""Most that is written at once, unless one frame alone is longer."""

_FORGOTTEN = b""
"""Takes the place of the frame of its key."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one write takes."""

    data: bytes
    frames: Sequence[Keyed]
    """The same, frame by frame."""


class Bundle:
    """The frames that some clients are owed at the end of a tick. An empty one is where all begin.

    A bundle never changes: one frame more makes another bundle, and each client that gets it next gets the same one.
    """

    __slots__ = ("_before", "_frame", "_key", "_next", "_pieces", "data")

    def __init__(self, before: "Bundle | None" = None, frame: bytes = _FORGOTTEN, key: Hashable = None) -> None:
        self._before = before
        self._frame = frame
        self._key = key
        self._next: Bundle | None = None
        self._pieces: Sequence[Piece] | None = None
        self.data: bytes | None = None
        """All of it, if that is known by now and one write takes it."""

    def then(self, frame: bytes, key: Hashable) -> "Bundle":
        """Return the bundle of these frames and one more.

        Args:
            frame: A whole frame.
            key: None: it must arrive. Otherwise it takes the place of an older one of its key.
        """
        following = self._next
        if following is None or following._frame is not frame or following._key != key:
            following = self._next = Bundle(self, frame, key)
        return following

    def without(self, key: Hashable) -> "Bundle":
        """Return the bundle without the frame of `key`."""
        return self.then(_FORGOTTEN, key)

    def pieces(self) -> Sequence[Piece]:
        """Return the writes that it makes, in order; they are made once for all who share it."""
        if self._pieces is None:
            self._pieces = tuple(map(_piece, _cut(self._frames())))
            if len(self._pieces) == 1 and len(self._pieces[0].data) <= PIECE_BYTES:
                self.data = self._pieces[0].data
        return self._pieces

    def _frames(self) -> list[Keyed]:
        """Return what is left of the frames, the oldest first. Their longer bundles are not shared from now on."""
        newest_first: list[Keyed] = []
        seen: set[Hashable] = set()
        each: Bundle | None = self
        while each is not None:
            each._next = None  # it would be a circle, which only the garbage collector can undo
            if each._key is None or each._key not in seen:
                seen.add(each._key)
                if each._frame:
                    newest_first.append((each._frame, each._key))
            each = each._before
        return newest_first[::-1]


def _cut(frames: Sequence[Keyed]) -> list[list[Keyed]]:
    """Return the frames in runs of at most `PIECE_BYTES`; one that is longer stands alone."""
    runs: list[list[Keyed]] = []
    free_bytes = 0
    for frame, key in frames:
        if len(frame) > free_bytes:
            runs.append([])
            free_bytes = PIECE_BYTES
        runs[-1].append((frame, key))
        free_bytes -= len(frame)
    return runs


def _piece(run: Sequence[Keyed]) -> Piece:
    return Piece(run[0][0] if len(run) == 1 else b"".join([frame for frame, _ in run]), run)
