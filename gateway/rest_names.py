"""The queue's and the processor's errors in the words of REST: their field names are not what a caller wrote."""

import re
from collections.abc import Mapping

from services.chassis.errors import ClipferryError

_NAMES: Mapping[str, str] = {
    "allow_duplicate_delivery": "allowDuplicateDelivery",
    "allow_live": "allowLive",
    "changed_after_sequence": "cursor",
    "max_duration": "maxDurationS",
    "next_page_token": "nextCursor",
    "page_size": "limit",
    "page_token": "cursor",
    "playlist_item": "playlistItem",
    "request_id": "Idempotency-Key",
    "thread_id": "threadId",
    "user_agent": "userAgent",
}
_WORD = re.compile(rf"(?<!\S)({'|'.join(_NAMES)})(?![^\s,;.:])")
_JOB_NAME = re.compile(r"\bjobs/(?=[0-9a-f]{8}-)")
_SPEC = "spec."
"""Where the processor finds what REST has on top."""
_VALUE = " (got "
"""Begins what the caller sent: it is shown as it is."""


def in_rest_names(text: str) -> str:
    """Return a sentence of a service with the names that REST has for its fields, and ids for names of jobs."""
    said, value, rest = text.removeprefix(_SPEC).partition(_VALUE)
    return _JOB_NAME.sub("", _WORD.sub(lambda word: _NAMES[word[1]], said)) + value + rest


def error_in_rest_names(error: ClipferryError) -> ClipferryError:
    """Return `error` of a service as a client of REST or /ws is to read it."""
    metadata = {
        key: in_rest_names(value) if key in ("field", "job") else value for key, value in error.metadata.items()
    }
    return ClipferryError(error.reason, in_rest_names(error.message), retry_after_s=error.retry_after_s, **metadata)
