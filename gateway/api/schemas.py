"""The shapes of all bodies and of all messages over /ws, for the OpenAPI document."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec

from gateway.api.access_shapes import ACCESS_SHAPES
from gateway.api.described import REFERENCE
from gateway.api.field_docs import field_docs
from gateway.api.job_request import JobRequest
from gateway.api.jobs import RetryRequest
from gateway.live.commands import Command
from gateway.live.messages import SPOKEN
from gateway.views.health import HealthView
from gateway.views.history import HistoryView
from gateway.views.job_shape import JobListView, JobView, SubmittedView
from gateway.views.memory import MemoryView
from gateway.views.probe import ProbeView
from gateway.views.stats import StatsView, WebSocketView
from gateway.views.workers import WorkerListView


class ProblemView(msgspec.Struct, rename="camel", frozen=True):
    """An error (RFC 9457). Numbers behind the message stand beside, such as `sizeBytes` and `limitBytes`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    """One of the [reasons](docs#reasons)."""
    request_id: str
    """The same as `X-Request-Id`; log lines have it too."""


_VIEWS: Sequence[type[msgspec.Struct]] = (
    JobRequest,
    RetryRequest,
    JobView,
    SubmittedView,
    JobListView,
    HistoryView,
    ProbeView,
    *ACCESS_SHAPES,
    StatsView,
    MemoryView,
    WebSocketView,
    WorkerListView,
    HealthView,
    ProblemView,
    Command,
    *dict.fromkeys(SPOKEN.values()),
)


def schemas(views: Sequence[type[msgspec.Struct]] = _VIEWS) -> dict[str, Any]:
    """Return the schema of all that is sent or answered, or of `views`, each field with what its type says of it."""
    _, found = msgspec.json.schema_components(views, ref_template=REFERENCE)
    for view in _with_parts(views):
        for name, text in field_docs(view).items():
            found[view.__name__]["properties"][name]["description"] = text
    return found


def _with_parts(views: Sequence[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    pending = list(views)
    while pending:
        view = pending.pop()
        if view not in found:
            found.add(view)
            pending += [part for field in msgspec.structs.fields(view) for part in _structs_in(field.type)]
    return found


def _structs_in(annotation: Any) -> list[type[msgspec.Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [view for part in get_args(annotation) for view in _structs_in(part)]
