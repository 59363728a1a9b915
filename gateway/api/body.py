"""JSON in and out, by msgspec."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from gateway.api.fields import field
from gateway.api.misfits import misfit, not_json
from gateway.api.repeated import check_keys
from services.chassis.errors import ClipferryError, Reason

T = TypeVar("T")

_TAKEN = frozenset({"", "application/json"})
"""Media types of JSON, beside those that end in +json. Whoever names none is taken at the word of the body."""

_encode = msgspec.json.Encoder().encode


class _Answer(Response):
    """One whose fields are bytes already: to make them of text costs twice what the JSON does."""

    def __init__(self, body: bytes, status: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status_code = status
        self.raw_headers = list(fields)
        self.background = None


def answer(view: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `view` as a JSON response that nobody caches, unless `headers` say otherwise."""
    body = _encode(view)
    fields = {
        b"cache-control": b"no-store",
        b"content-type": b"application/json",
        b"content-length": b"%d" % len(body),
    }
    for name, value in (headers or {}).items():
        fields[name.lower().encode()] = value.encode("latin-1")
    return _Answer(body, status, [*fields.items()])


async def read_body(request: Request, decoder: msgspec.json.Decoder[T], absent: T | None = None) -> T:
    """Return the body of `request`.

    Args:
        decoder: Of the type that it must fit.
        absent: What an empty body means. Default: it may not be empty.

    Raises:
        ClipferryError: MEDIA_TYPE_UNSUPPORTED when it says that it is no JSON; BODY_INVALID when it is none;
            FIELD_INVALID, naming field, value and limit, when it does not fit, or when a field is given twice.
    """
    body = await _whole(request.receive)
    if body:
        _check_type(request.scope)
    if not body and absent is not None:
        return absent
    try:
        found = decoder.decode(body)
        check_keys(body)
    except msgspec.ValidationError as error:
        raise misfit(error, decoder.type, body) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise not_json(error, body) from error
    return found


async def _whole(receive: Receive) -> bytes:
    """Return all of a body; the limit of its size is kept before.

    Raises:
        ClientDisconnect: When the client has gone before its end.
    """
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces) if len(pieces) > 1 else pieces[0]


def _check_type(scope: Scope) -> None:
    shown = field(scope, b"content-type") or ""
    media_type = shown.partition(";")[0].strip().lower()
    if media_type not in _TAKEN and not media_type.endswith("+json"):
        raise ClipferryError(
            Reason.MEDIA_TYPE_UNSUPPORTED, f"The body must be application/json, not {media_type[:80]!r}."
        )
    encoding = (field(scope, b"content-encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise ClipferryError(
            Reason.MEDIA_TYPE_UNSUPPORTED, f"The body must not be encoded; Content-Encoding is {encoding[:80]!r}."
        )
