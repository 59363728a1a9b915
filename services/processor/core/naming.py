"""Texts that leave with a video: its caption and its file name."""

import re
import unicodedata
from urllib.parse import urlsplit

from services.processor.core.run import Found, MediaKind

CAPTION_UNITS = 1024
"""Most UTF-16 units of a caption (Telegram Bot API, sendVideo)."""
SHOWN_UNITS = 200
"""Most UTF-16 units of a title that goes along with progress, many times a second."""
FILE_NAME_BYTES = 255
"""Most UTF-8 bytes of a file name."""

# A semicolon, because many a reader of Content-Disposition cuts there, also inside quotes.
_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:;*?"<>|]+')
_JOINER = "\u200d"
_UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
"""What shows nothing, and what turns the writing of all that follows. Joiners stay: they make letters and pictures."""


def caption(asked: str, found: Found) -> str:
    """Return the caption: what was asked for, or title, site and link.

    At most 1,024 UTF-16 units. A long title is cut so that the link stays whole; a link that has no room is left out.
    """
    if asked.strip():
        return cut_utf16(asked.strip(), CAPTION_UNITS)
    title = one_line(found.title)
    tail = f"{_site(found.webpage_url)}\n{found.webpage_url}".strip()
    if utf16_units(tail) > CAPTION_UNITS // 2:
        tail = _site(found.webpage_url)
    if not title:
        return tail
    room = CAPTION_UNITS - utf16_units(tail) - 2
    return f"{cut_utf16(title, room)}\n\n{tail}".strip()


def file_name(title: str, extension: str, kind: MediaKind) -> str:
    """Return a name of at most 255 UTF-8 bytes without path or control characters.

    A title that leaves nothing to call the file becomes ``video`` or ``audio``.
    """
    suffix = f".{extension}" if extension else ""
    stem = _NOT_IN_FILE_NAMES.sub("_", one_line(title)).strip(" ._")
    # Many a title is the name of the file.
    stem = stem[: -len(suffix)] if suffix and stem.lower().endswith(suffix.lower()) else stem
    stem = _cut(stem, FILE_NAME_BYTES - len(suffix.encode()), "utf-8").strip(" .")
    return (stem or kind.value) + suffix


def one_line(text: str) -> str:
    """Return `text` without what cannot be seen, each run of white space made one space; empty if nothing is left."""
    text = _UNSEEN.sub("", text)
    shown = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    line = " ".join(shown.split())
    return line if any(unicodedata.category(character)[0] not in "CMZ" for character in line) else ""


def utf16_units(text: str) -> int:
    """Return how long Telegram counts `text` to be."""
    return len(text.encode("utf-16-le", "replace")) // 2


def cut_utf16(text: str, units: int) -> str:
    """Return the start of `text` that fits `units`, ending in ``…`` and on a whole character when it was cut."""
    if utf16_units(text) <= units:
        return text
    return _cut(text, 2 * (units - 1), "utf-16-le").rstrip() + "…"


def _cut(text: str, limit_bytes: int, encoding: str) -> str:
    encoded = text.encode(encoding, "replace")
    if len(encoded) <= limit_bytes:
        return encoded.decode(encoding)
    end = len(encoded[:limit_bytes].decode(encoding, "ignore"))
    while end > 0 and _joins(text, end):
        end -= 1
    return text[:end]


def _joins(text: str, index: int) -> bool:
    """Whether what a reader sees as one character goes on over `index`."""
    before, after = text[index - 1], text[index]
    if (
        _JOINER in (before, after)
        or unicodedata.category(after) in {"Mn", "Me"}
        or "\U0001f3fb" <= after <= "\U0001f3ff"
    ):
        return True
    return _is_flag_half(after) and _flag_halves_before(text, index) % 2 == 1


def _flag_halves_before(text: str, index: int) -> int:
    count = 0
    while count < index and _is_flag_half(text[index - count - 1]):
        count += 1
    return count


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _site(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")
