"""Lets yt-dlp read a page's title to its end: by its own rule, one that holds a tag is none."""

from typing import Any

from yt_dlp.extractor.common import InfoExtractor  # type: ignore[import-untyped]  # ships no types

_TITLE = r"(?is)<title\b[^>]*>(.+?)</title>"
"""A browser takes everything up to the end of the element as text (HTML, 4.2.2 and 13.2.5.2)."""


def _html_extract_title(self: Any, html: str, name: str = "title", *, fatal: bool = False, **kwargs: Any) -> Any:
    return self._html_search_regex(_TITLE, html, name, fatal=fatal, **kwargs)


def install() -> None:
    """Make all extractors of this process do so."""
    InfoExtractor._html_extract_title = _html_extract_title
