"""The hot routes, found before FastAPI is asked: its layers cost as much as all the rest of a request."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.observed import ROUTE
from gateway.api.openapi import Operation
from gateway.api.problems import problem_of
from gateway.api.queries import check_query


@dataclass(frozen=True)
class _Place:
    """All operations at one path, so that another method is 405 and hears of all."""

    path: str
    pattern: re.Pattern[str]
    by_method: Mapping[str, Operation]
    queries: Mapping[str, Sequence[str]]
    """Names of the query parameters by method."""
    lists: frozenset[str]
    """Those of them that may be given more than once."""

    async def answer(self, request: Request) -> Response:
        """Return what the operation of the request's method answers, or the problem that it ends in."""
        operation = self.by_method.get(request.method)
        try:
            if operation is None:
                raise HTTPException(405, headers={"Allow": ", ".join(self.by_method)})
            if request.scope["query_string"]:
                check_query(request, self.queries[request.method], self.lists)
            response: Response = await operation.endpoint(request)
        except Exception as error:  # noqa: BLE001 - the edge: whatever was raised is answered, never lost
            return problem_of(request, error)
        return response


class HotRoutes:
    """Answers `operations`; everything else goes on.

    Args:
        operations: What is answered here.
        others: Answers everything else.
    """

    def __init__(self, operations: Sequence[Operation], others: ASGIApp) -> None:
        places = [_place(path, operations) for path in dict.fromkeys(each.path for each in operations)]
        self._fixed = {place.path: place for place in places if "{" not in place.path}
        self._patterned = [place for place in places if "{" in place.path]
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = self._find(scope) if scope["type"] == "http" else None
        if place is None:
            await self._others(scope, receive, send)
            return
        scope[ROUTE] = place.path
        response = await place.answer(Request(scope, receive))
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> _Place | None:
        path: str = scope["path"].removeprefix(scope["root_path"])
        place = self._fixed.get(path)
        if place is not None:
            return place
        for place in self._patterned:
            found = place.pattern.match(path)
            if found is not None:
                scope["path_params"] = found.groupdict()
                return place
        return None


def _place(path: str, operations: Sequence[Operation]) -> _Place:
    by_method = {each.method: each for each in operations if each.path == path}
    kinds = {
        method: {each["name"]: each["schema"]["type"] for each in operation.parameters if each["in"] == "query"}
        for method, operation in by_method.items()
    }
    lists = {name for query in kinds.values() for name, kind in query.items() if kind == "array"}
    queries = {method: [*query] for method, query in kinds.items()}
    return _Place(path, compile_path(path)[0], by_method, queries, frozenset(lists))
