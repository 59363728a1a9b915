"""Looks at each piece of a segmented stream before it is joined to the others.

A site that is overloaded, or whose session has ended, answers with a page, a line of JSON or a word in place of a
piece, and with status 200. yt-dlp would write it into the video, which would then play with a hole.
"""

from typing import Any

from yt_dlp.downloader.fragment import FragmentFD  # type: ignore[import-untyped]  # ships no types

from services.chassis.errors import ClipferryError, Reason

_LOOKED_AT_BYTES = 256
_TEXT = frozenset(b"\t\n\r") | frozenset(range(0x20, 0x7F))


def is_text(piece: bytes) -> bool:
    """Return whether a piece begins as text does. Media never do: each of their formats has low bytes in its head."""
    try:
        head = piece[:_LOOKED_AT_BYTES].decode()
    except UnicodeDecodeError as error:
        if error.start < len(piece[:_LOOKED_AT_BYTES]) - 3:
            return False
        head = piece[: error.start].decode()
    return bool(head) and all(ord(letter) in _TEXT or ord(letter) > 0xA0 for letter in head)


def check_piece(piece: bytes) -> None:
    """Refuse what is no piece of a stream.

    Raises:
        ClipferryError: INCOMPLETE.
    """
    if is_text(piece):
        raise ClipferryError(Reason.INCOMPLETE, "The site sent a text in place of a part of the video.")


def install() -> None:
    """Check every piece that yt-dlp joins, in this process and its children."""
    join = FragmentFD._append_fragment

    def checked(self: Any, context: Any, piece: bytes) -> None:
        check_piece(piece)
        join(self, context, piece)

    FragmentFD._append_fragment = checked
