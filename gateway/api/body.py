"""JSON in and out, by msgspec."""

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.chassis.errors import ClipferryError, Reason

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


def answer(view: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `view` as a JSON response that nobody caches."""
    return Response(_encode(view), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


async def read_body(request: Request, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the body of `request`.

    Raises:
        ClipferryError: BODY_INVALID when it is not JSON; FIELD_INVALID, naming field and problem, when it does not fit.
    """
    body = await request.body()
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ClipferryError(Reason.BODY_INVALID, f"The body is not valid JSON: {error}.") from error


def _field_error(text: str) -> ClipferryError:
    problem, separator, path = text.partition(" - at `$")
    field = path.strip("`").lstrip(".") if separator else "body"
    return ClipferryError(Reason.FIELD_INVALID, f"{field}: {problem[:1].lower()}{problem[1:]}.", field=field)
