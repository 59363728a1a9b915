"""The numbers and names behind an error, as clients see them."""

import re
from collections.abc import Mapping

_JOINT = re.compile(r"_([a-z0-9])")


def facts(metadata: Mapping[str, str]) -> dict[str, int | str]:
    """Return `metadata` in camelCase, as all JSON is; a number is one where JSON readers keep it exactly."""
    return {_camel(key): _number(value) for key, value in metadata.items()}


def _camel(key: str) -> str:
    return _JOINT.sub(lambda joint: joint[1].upper(), key)


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text
