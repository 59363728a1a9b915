"""The OpenAPI document: FastAPI's for its own routes, and the hot routes from the types that they read and write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.api.described import answers, takes
from gateway.api.job_request import JobRequest
from gateway.api.jobs import JobRoutes, RetryRequest
from gateway.api.schemas import schemas
from gateway.views.job_shape import JobListView, JobView
from gateway.views.probe import ProbeView


@dataclass(frozen=True)
class Operation:
    """One hot route: what serves it and what documents it."""

    method: str
    path: str
    endpoint: Any
    summary: str
    answer: type[msgspec.Struct]
    statuses: Sequence[int] = (200,)
    body: type[msgspec.Struct] | None = None
    body_is_needed: bool = True
    parameters: Sequence[Mapping[str, Any]] = ()


def _parameter(name: str, place: str, description: str, **schema: Any) -> Mapping[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


_ID = _parameter("job_id", "path", "The job's id.", format="uuid")
_KEY = _parameter("Idempotency-Key", "header", "A repeat with the same key returns the first job.", maxLength=64)
_LIST = (
    _parameter("state", "query", "Of queued, processing, completed, failed, cancelled; several with commas."),
    _parameter("limit", "query", "Jobs on a page; more than 200 count as 200.", type="integer", minimum=1, default=50),
    _parameter("cursor", "query", "`nextCursor` of the page before."),
)


def hot_operations(jobs: JobRoutes) -> Sequence[Operation]:
    """Return the routes of jobs and probes."""
    return (
        Operation("POST", "/api/jobs", jobs.submit, "Submit a page", JobView, (202,), JobRequest, parameters=(_KEY,)),
        Operation("GET", "/api/jobs", jobs.list, "List jobs, newest first", JobListView, parameters=_LIST),
        Operation("GET", "/api/jobs/{job_id}", jobs.get, "Look at a job", JobView, parameters=(_ID,)),
        Operation("DELETE", "/api/jobs/{job_id}", jobs.cancel, "Cancel a job", JobView, (200, 202), parameters=(_ID,)),
        Operation(
            "POST",
            "/api/jobs/{job_id}/retry",
            jobs.retry,
            "Retry a job that failed or was cancelled",
            JobView,
            (202,),
            RetryRequest,
            body_is_needed=False,
            parameters=(_ID,),
        ),
        Operation(
            "POST",
            "/api/jobs/{job_id}/finish",
            jobs.finish,
            "Close a live recording and send what there is",
            JobView,
            (202,),
            parameters=(_ID,),
        ),
        Operation("POST", "/api/probe", jobs.probe, "Look at a page without downloading", ProbeView, body=JobRequest),
    )


def hot_routes(operations: Sequence[Operation]) -> list[Route]:
    """Return `operations` as plain routes: one for each path, so that another method is 405 and hears of all."""
    by_path: dict[str, dict[str, Any]] = {}
    for each in operations:
        by_path.setdefault(each.path, {})[each.method] = each.endpoint
    return [_route(path, endpoints) for path, endpoints in by_path.items()]


def _route(path: str, endpoints: Mapping[str, Any]) -> Route:
    async def by_method(request: Request) -> Response:
        response: Response = await endpoints[request.method](request)
        return response

    route = Route(path, by_method)
    route.methods = set(endpoints)  # without the HEAD that Starlette adds
    return route


def document(app: FastAPI, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of `app` with `operations`."""
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    components = made.setdefault("components", {})
    components["schemas"] = schemas()
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    made["security"] = [{"bearer": []}]
    hot: dict[str, Any] = {}
    for each in operations:
        hot.setdefault(each.path, {})[each.method.lower()] = _documented(each)
    made["paths"] = hot | made["paths"]
    for operation in (operation for path in made["paths"].values() for operation in path.values()):
        # FastAPI documents its own shape of a validation error; ours is a problem, as every error is.
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _PROBLEM
    return made


_PROBLEM = {
    "description": "An error.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
}


def _documented(each: Operation) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": ["jobs"],
        "summary": each.summary,
        "operationId": each.endpoint.__name__,
        "parameters": list(each.parameters),
        "responses": {str(status): told for status, told in answers(each.answer, *each.statuses).items()},
    }
    return operation | (takes(each.body, needed=each.body_is_needed) if each.body else {})
