"""The head of a request to a forward proxy: where it wants to go, and what is passed on."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_REQUEST_LINE = re.compile(rb"([A-Z]{3,10}) (\S+) HTTP/1\.[01]")
# Between the client and this proxy only. One request per connection keeps the next one from riding on this one's check.
_NOT_FORWARDED = (b"proxy-", b"connection:", b"keep-alive:", b"te:", b"upgrade:")


class BadHeadError(Exception):
    """The bytes are no request for a proxy."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One request for a proxy."""

    host: str
    """As written, in lower case, without brackets; empty when `is_refused`."""
    port: int
    credentials: str
    """``user:password`` of Proxy-Authorization; empty when there are none."""
    is_tunnel: bool
    """CONNECT: what follows is opaque."""
    is_refused: bool
    """The target is neither a tunnel nor ``http:``."""
    forwarded: bytes
    """What goes to the site: the head in origin form, and what came after it."""


def parse_head(data: bytes) -> Head:
    """Read a request whose head is complete.

    Raises:
        BadHeadError: When it is none.
    """
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise BadHeadError("not a request")
    method, target = match[1], match[2].decode("latin-1")
    is_tunnel = method == b"CONNECT"
    is_refused = not is_tunnel and not target.lower().startswith("http://")
    host, port, path = ("", 0, "") if is_refused else _target(target, is_tunnel=is_tunnel)
    return Head(
        host=host,
        port=port,
        credentials=_credentials(fields),
        is_tunnel=is_tunnel,
        is_refused=is_refused,
        forwarded=rest if is_tunnel else _origin_form(method, path, fields) + rest,
    )


def _target(target: str, *, is_tunnel: bool) -> tuple[str, int, str]:
    try:
        parts = urlsplit(f"//{target}" if is_tunnel else target)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadHeadError("not a target") from error
    if not host:
        raise BadHeadError("no host")
    path = parts.path or "/"
    return host, port or (443 if is_tunnel else 80), f"{path}?{parts.query}" if parts.query else path


def _origin_form(method: bytes, path: str, fields: list[bytes]) -> bytes:
    kept = [field for field in fields if not field.lower().startswith(_NOT_FORWARDED)]
    lines = [method + b" " + path.encode("latin-1") + b" HTTP/1.1", *kept, b"Connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _credentials(fields: list[bytes]) -> str:
    for field in fields:
        name, _, value = field.partition(b":")
        if name.strip().lower() == b"proxy-authorization":
            scheme, _, encoded = value.strip().partition(b" ")
            if scheme.lower() != b"basic":
                return ""
            try:
                return base64.b64decode(encoded.strip(), validate=True).decode("latin-1")
            except binascii.Error:
                return ""
    return ""
