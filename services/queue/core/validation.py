"""What may be asked for. One specific sentence for each thing that may not."""

import hashlib
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from services.chassis.errors import ClipferryError, field_invalid

MAX_URL_LENGTH = 2_048
MAX_OWNER_LENGTH = 128
MAX_REQUEST_ID_LENGTH = 64
_MAX_FORMAT_LENGTH = 256
_MAX_USER_AGENT_LENGTH = 512
_MAX_CAPTION_LENGTH = 4_096
_PORTS = {"http": 80, "https": 443}

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_DESTINATION = re.compile(r"-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{3,31}")


class JobSpec(NamedTuple):
    """What a job asks for, as far as the queue looks at it. Zero and empty mean the default."""

    url: str
    destination: str
    priority: int
    kind: int
    """0 or 1 video, 2 audio."""
    max_bytes: int
    timeout_s: float | None
    on_unknown_delivery: int
    """0 or 1 fail, 2 retry."""
    referer: str
    user_agent: str
    format: str
    caption: str
    thread_id: int
    playlist_item: int
    max_duration_s: float | None


def validate(spec: JobSpec) -> str:
    """Check every field of `spec`; returns its URL in its plain form.

    Raises:
        ClipferryError: FIELD_INVALID for the first field that is wrong, naming field, value and limit.
    """
    plain_url = check_url("url", spec.url)
    if spec.destination and not _DESTINATION.fullmatch(spec.destination):
        raise field_invalid("destination", "must be a chat id (an integer) or a @name", spec.destination)
    _check_range("priority", spec.priority, -10, 10)
    _check_range("kind", spec.kind, 0, 2)
    _check_range("on_unknown_delivery", spec.on_unknown_delivery, 0, 2)
    for name, value in (
        ("max_bytes", spec.max_bytes),
        ("thread_id", spec.thread_id),
        ("playlist_item", spec.playlist_item),
    ):
        if value < 0:
            raise field_invalid(name, "must be at least 0", value, minimum=0)
    for name, span_s in (("timeout", spec.timeout_s), ("max_duration", spec.max_duration_s)):
        if span_s is not None and span_s <= 0:
            raise field_invalid(name, "must be longer than 0 seconds", f"{span_s:g} s")
    if spec.referer:
        check_url("referer", spec.referer)
    _check_text("user_agent", spec.user_agent, _MAX_USER_AGENT_LENGTH)
    _check_text("format", spec.format, _MAX_FORMAT_LENGTH)
    _check_length("caption", spec.caption, _MAX_CAPTION_LENGTH)
    return plain_url


def check_url(field: str, url: str) -> str:
    """Check an http(s) URL; returns it without its fragment, with scheme, host and port in their plain form.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    if not url:
        raise field_invalid(field, "is missing: an http or https URL is needed")
    _check_length(field, url, MAX_URL_LENGTH)
    if _CONTROL_OR_SPACE.search(url):
        raise field_invalid(field, "must not hold spaces or control characters", url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _not_a_url(field, url) from None
    if parts.scheme not in _PORTS:
        raise field_invalid(field, "must start with http:// or https://", url)
    if "@" in parts.netloc:
        # Not shown: it may hold a password.
        raise field_invalid(field, "must not hold a user name or a password")
    if not host or port == 0 or "\\" in url:
        raise _not_a_url(field, url)
    shown_port = "" if port is None or port == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}{parts.path or '/'}?{parts.query}"


def check_owner(owner: str) -> None:
    """Check a subject.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    _check_text("owner", owner, MAX_OWNER_LENGTH)


def check_request_id(request_id: str) -> None:
    """Check an idempotency key.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    _check_text("request_id", request_id, MAX_REQUEST_ID_LENGTH)


def live_key(owner: str, spec: JobSpec, plain_url: str) -> str:
    """Return what is equal for two jobs that would deliver the same to the same place.

    The referer counts: a player that is embedded in two pages may show two videos.

    Args:
        plain_url: Of `spec`; see `validate`.
    """
    kind = max(spec.kind, 1)
    text = "\n".join(
        (owner, plain_url, str(kind), spec.format, spec.destination, str(spec.playlist_item), spec.referer)
    )
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _not_a_url(field: str, url: str) -> ClipferryError:
    return field_invalid(field, "is not a valid http or https URL with a host", url)


def _check_text(field: str, text: str, limit: int) -> None:
    _check_length(field, text, limit)
    if _CONTROL.search(text):
        raise field_invalid(field, "must not hold control characters", text)


def _check_length(field: str, text: str, limit: int) -> None:
    if len(text) > limit:
        problem = f"must be at most {limit} characters, not {len(text)}"
        raise field_invalid(field, problem, length=len(text), limit=limit)


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise field_invalid(field, f"must be from {low} to {high}", value, minimum=low, maximum=high)
