"""The OpenAPI document: FastAPI's for its own routes, and the hot routes from the types that they read and write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.api.codes import codes
from gateway.api.described import JSON, answers, takes
from gateway.api.examples import ANSWERS, EXAMPLES
from gateway.api.job_request import JobRequest
from gateway.api.jobs import JobRoutes, RetryRequest
from gateway.api.refusals import header, refusals
from gateway.api.schemas import schemas
from gateway.views.history import HistoryView
from gateway.views.job_shape import JobListView, JobView, SubmittedView
from gateway.views.probe import ProbeView
from gateway.views.state import STATES_BY_STATUS


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
    headers: Mapping[str, Any] = field(default_factory=dict)


def _parameter(name: str, place: str, description: str, **schema: Any) -> Mapping[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


_ID = _parameter("job_id", "path", "The job's id.", format="uuid")
_KEY = _parameter(
    "Idempotency-Key",
    "header",
    "1 to 64 characters of your choice, unique to you: a repeat with the same key and body returns the first job, with"
    " `Idempotency-Replayed: true`. Another body under the same key is 422, one that comes while the first is being"
    " answered 409, a key that cannot be kept 400. A key is remembered for as long as the record of its job: until"
    " `JOB_RETENTION` (an hour unless set) after the job has ended.",
    minLength=1,
    maxLength=64,
    pattern="^[ -~]+$",
)
_NONE_MATCH = _parameter(
    "If-None-Match", "header", "`ETag` of an earlier answer: 304 without a body when nothing has changed since."
)
_LIST = (
    _parameter(
        "state",
        "query",
        "Only jobs in one of these; several with commas, or one after another.",
        type="array",
        items={"type": "string", "enum": [*STATES_BY_STATUS]},
    ),
    _parameter("owner", "query", "Whose jobs; another than your own only for admins.", minLength=1, maxLength=128),
    _parameter("limit", "query", "Jobs on a page; more than 200 count as 200.", type="integer", minimum=1, default=50),
    _parameter("cursor", "query", "`nextCursor` of the page before."),
    _NONE_MATCH,
)


def hot_operations(jobs: JobRoutes) -> Sequence[Operation]:
    """Return the routes of jobs and probes."""
    return (
        Operation(
            "POST",
            "/api/jobs",
            jobs.submit,
            "Submit a page",
            SubmittedView,
            (202,),
            JobRequest,
            parameters=(_KEY,),
            headers=_SUBMITTED,
        ),
        Operation(
            "GET", "/api/jobs", jobs.list, "List jobs, newest first", JobListView, parameters=_LIST, headers=_ETAG
        ),
        Operation(
            "GET",
            "/api/jobs/{job_id}",
            jobs.get,
            "Look at a job",
            JobView,
            parameters=(_ID, _NONE_MATCH),
            headers=_ETAG,
        ),
        Operation(
            "GET",
            "/api/jobs/{job_id}/history",
            jobs.history,
            "What happened to a job, attempt by attempt",
            HistoryView,
            parameters=(_ID,),
        ),
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


def document(app: FastAPI, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of `app` with `operations`."""
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    components = made.setdefault("components", {})
    components["schemas"] = schemas()
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    made["security"] = [{"bearer": []}]
    made |= codes()
    hot: dict[str, Any] = {}
    for each in operations:
        hot.setdefault(each.path, {})[each.method.lower()] = _documented(each)
    made["paths"] = hot | made["paths"]
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            # FastAPI documents its own shape of a validation error; ours is a problem, as every error is.
            operation["responses"].pop("422", None)
            operation["responses"] = refusals(method, path, operation) | operation["responses"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["examples"] = EXAMPLES.get(content["schema"]["$ref"].rpartition("/")[2], {})
    return made


_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "RateLimit-Policy": header("The limit: its name, `q` requests at once, earned anew in `w` seconds."),
    "RateLimit": header("What is left of it: `r` requests now, one more in `t` seconds."),
    "X-Request-Id": header("The request's id: yours if you sent one."),
}
_ETAG: Mapping[str, Any] = {"ETag": header("For `If-None-Match`: it changes with the answer.")}
_SUBMITTED: Mapping[str, Any] = {
    "Location": header("Path of the job.", format="uri-reference"),
    "Idempotency-Replayed": header("There when the request repeats one with the same key.", enum=["true"]),
}
_NOT_MODIFIED: Mapping[str, Any] = {"description": "Nothing has changed since the answer with that `ETag`."}


def _documented(each: Operation) -> dict[str, Any]:
    responses = {str(status): told for status, told in answers(each.answer, *each.statuses).items()}
    for told in responses.values():
        told["headers"] = {**_HEADERS, **each.headers}
        told["content"][JSON]["examples"] = ANSWERS.get(each.answer.__name__, {})
    if _NONE_MATCH in each.parameters:
        responses["304"] = dict(_NOT_MODIFIED)
    operation: dict[str, Any] = {
        "tags": ["jobs"],
        "summary": each.summary,
        "operationId": each.endpoint.__name__,
        "parameters": list(each.parameters),
        "responses": responses,
    }
    return operation | (takes(each.body, needed=each.body_is_needed) if each.body else {})
