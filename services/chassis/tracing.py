"""Traces over all services: spans that OpenTelemetry sends where OTEL_EXPORTER_OTLP_ENDPOINT says.

Without that variable nothing of OpenTelemetry is loaded, a span is a block like any other, and nothing is passed on.
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, Protocol, TypeAlias

import structlog

TRACEPARENT = "traceparent"
REQUEST_ID = "x-request-id"
"""As metadata of calls and as headers: who a call, and each line that it writes, belongs to."""

Kind: TypeAlias = Literal["server", "client", "consumer", "internal"]

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Span(Protocol):
    """A span that has begun."""

    def rename(self, name: str) -> None:
        """Name it by what only shows at its end."""

    def note(self, attributes: Mapping[str, str | int]) -> None:
        """Add to what it says. Never a URL with its query, a token, or what a site answered."""

    def fail(self, reason: str) -> None:
        """Mark what it covers as failed."""


class Spans(Protocol):
    """What makes spans."""

    def begin(self, name: str, kind: Kind, parent: str) -> AbstractContextManager[Span]:
        """Cover a block by a span, under the remote `parent`; empty: under the span around the block, if any."""

    def traceparent(self) -> str:
        """Return the span around this line as a W3C traceparent; empty outside of one."""


class _NoSpan:
    def rename(self, name: str) -> None:
        pass

    def note(self, attributes: Mapping[str, str | int]) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass


class _Switch:
    """Who makes spans in this process; None: nobody."""

    spans: Spans | None = None


NO_SPAN: Span = _NoSpan()
"""Covers nothing."""


@contextmanager
def traced_by(spans: Spans) -> Iterator[None]:
    """Let `spans` make the spans of this process for the length of the block."""
    before, _Switch.spans = _Switch.spans, spans
    try:
        yield
    finally:
        _Switch.spans = before


def span(name: str, kind: Kind = "internal", *, parent: str = "") -> AbstractContextManager[Span]:
    """Cover the block by a span.

    Args:
        name: Of what is done, never of whom it is done for.
        kind: As OpenTelemetry has it.
        parent: W3C traceparent from elsewhere. Empty or not valid: the span around this line.
    """
    if _Switch.spans is None:
        return nullcontext(NO_SPAN)
    return _Switch.spans.begin(name, kind, parent if is_traceparent(parent) else "")


def is_on() -> bool:
    """Return whether spans are made."""
    return _Switch.spans is not None


def traceparent() -> str:
    """Return the span around this line as a W3C traceparent; empty outside of one."""
    return "" if _Switch.spans is None else _Switch.spans.traceparent()


def is_traceparent(text: str) -> bool:
    """Return whether `text` is a traceparent of version 00, as W3C Trace Context has it."""
    return _TRACEPARENT.fullmatch(text) is not None


def passed_on() -> tuple[tuple[str, str], ...]:
    """Return the metadata by which a call to another service belongs to the same request and trace as this line."""
    found = []
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        found.append((REQUEST_ID, str(request_id)))
    if inside := traceparent():
        found.append((TRACEPARENT, inside))
    return tuple(found)


def name_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the trace to a log line that is written inside of a span."""
    if inside := traceparent():
        event["trace_id"], event["span_id"] = inside.split("-")[1:3]
    return event
