"""JSON in and out, by msgspec."""

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.misfits import misfit, not_json

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


def answer(view: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `view` as a JSON response that nobody caches."""
    return Response(_encode(view), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


async def read_body(request: Request, decoder: msgspec.json.Decoder[T], absent: T | None = None) -> T:
    """Return the body of `request`, whatever it says its type is.

    Args:
        decoder: Of the type that it must fit.
        absent: What an empty body means. Default: it may not be empty.

    Raises:
        ClipferryError: BODY_INVALID when it is not JSON; FIELD_INVALID, naming field, value and limit, when it does not
            fit.
    """
    body = await request.body()
    if not body and absent is not None:
        return absent
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise misfit(error, decoder.type, body) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(error, body) from error
