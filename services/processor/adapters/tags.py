"""What a sound says of itself: its title, its performer, and the picture that is in the file."""

import re
from dataclasses import dataclass

_TAG = re.compile(r"^ +(title|artist) *: (.+)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Tags:
    """Empty where the file does not say."""

    title: str = ""
    performer: str = ""


def parse_tags(text: str) -> Tags:
    """Return the first title and the first artist of what ``ffmpeg -i`` says."""
    found: dict[str, str] = {}
    for match in _TAG.finditer(text):
        found.setdefault(match[1].lower(), match[2].strip())
    return Tags(title=found.get("title", ""), performer=found.get("artist", ""))
