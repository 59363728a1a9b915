"""Query parameters that have no meaning: refused, as a filter that is spelt wrong would silently show too much."""

from collections import Counter
from collections.abc import Container, Sequence

from fastapi.routing import APIRoute
from starlette.requests import Request

from services.chassis.errors import ClipferryError, Reason, field_invalid

_SHOWN_NAME = 80


def check_query(request: Request, known: Sequence[str], lists: Container[str] = ()) -> None:
    """Check that the query holds only `known` parameters, each once unless it is one of `lists`.

    Raises:
        ClipferryError: PARAMETER_UNKNOWN, naming the one and those that there are; FIELD_INVALID for one too many.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in given.items():
        if name not in known:
            taken = f"takes {', '.join(known)}" if known else "takes none"
            raise ClipferryError(
                Reason.PARAMETER_UNKNOWN,
                f"There is no parameter {name[:_SHOWN_NAME]!r}: {request.method} {request.url.path[:200]} {taken}.",
                parameter=name[:_SHOWN_NAME],
            )
        if count > 1 and name not in lists:
            raise field_invalid(name, f"must be given once, not {count} times")


async def only_known_query(request: Request) -> None:
    """Check the query of a FastAPI route: a dependency of all of them. A parameter is the endpoint's own."""
    route = request.scope["route"]
    if request.scope["query_string"] and isinstance(route, APIRoute):
        check_query(request, [field.alias for field in route.dependant.query_params])
