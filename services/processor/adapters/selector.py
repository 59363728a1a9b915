"""The format selector that a caller wrote. What is wrong with it is the caller's to mend, and no crash of ours."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from yt_dlp import YoutubeDL  # type: ignore[import-untyped]  # ships no types
from yt_dlp.utils import YoutubeDLError  # type: ignore[import-untyped]  # ships no types

from services.chassis.errors import ClipferryError, field_invalid
from services.processor.adapters.extractors import open_with_extractors

_UNREADABLE = (SyntaxError, TypeError, RecursionError, re.error)
"""What yt-dlp's parser raises about a selector."""
_ASKS_A_PERSON = "-"
_NO_MATCH = "Requested format is not available"


def open_ytdlp(options: Mapping[str, Any], selector: str) -> YoutubeDL:
    """Return yt-dlp with `options`, of which `selector` is the caller's part; empty: it has none.

    Raises:
        ClipferryError: FIELD_INVALID when yt-dlp cannot read the selector.
    """
    if selector.strip() == _ASKS_A_PERSON:
        raise _unreadable(selector)
    try:
        return open_with_extractors(options)
    except _UNREADABLE as error:
        if selector:
            raise _unreadable(selector) from error
        raise


@contextmanager
def naming_selector(selector: str) -> Iterator[None]:
    """Tell a page of which the caller's `selector` takes nothing from a page without a video.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    try:
        yield
    except YoutubeDLError as error:
        if selector and _NO_MATCH in str(error):
            raise field_invalid("format", "matches none of the formats that the page offers", selector) from error
        raise


def _unreadable(selector: str) -> ClipferryError:
    return field_invalid("format", "must be a format selector that yt-dlp can read", selector)
