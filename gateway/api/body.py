"""JSON in and out, by msgspec."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.misfits import misfit, not_json
from services.chassis.errors import ClipferryError, Reason

T = TypeVar("T")

_TAKEN = frozenset({"", "application/json", "application/x-www-form-urlencoded", "text/plain"})
"""Media types of JSON, and what programs say that do not think of it: `curl -d` names a form, `fetch` plain text."""

_encode = msgspec.json.Encoder().encode


def answer(view: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `view` as a JSON response that nobody caches, unless `headers` say otherwise."""
    return Response(_encode(view), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


async def read_body(request: Request, decoder: msgspec.json.Decoder[T], absent: T | None = None) -> T:
    """Return the body of `request`.

    Args:
        decoder: Of the type that it must fit.
        absent: What an empty body means. Default: it may not be empty.

    Raises:
        ClipferryError: MEDIA_TYPE_UNSUPPORTED when it says that it is no JSON; BODY_INVALID when it is none;
            FIELD_INVALID, naming field, value and limit, when it does not fit.
    """
    body = await request.body()
    if body:
        _check_type(request.headers)
    if not body and absent is not None:
        return absent
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise misfit(error, decoder.type, body) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(error, body) from error


def _check_type(headers: Headers) -> None:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TAKEN and not media_type.endswith("+json"):
        raise ClipferryError(
            Reason.MEDIA_TYPE_UNSUPPORTED, f"The body must be application/json, not {media_type[:80]!r}."
        )
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ClipferryError(
            Reason.MEDIA_TYPE_UNSUPPORTED, f"The body must not be encoded; Content-Encoding is {encoding[:80]!r}."
        )
