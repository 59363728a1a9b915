"""Spans by OpenTelemetry's SDK, which reads its own ``OTEL_…`` variables. Loaded only where traces are wanted."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.chassis.tracing import TRACEPARENT, Kind, traced_by

_KINDS: Mapping[Kind, trace.SpanKind] = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "consumer": trace.SpanKind.CONSUMER,
    "internal": trace.SpanKind.INTERNAL,
}
_EXPORT_S = 3.0
"""Longest try to send, repeats included: a collector that is away must not hold up the end of a process."""
_W3C = TraceContextTextMapPropagator()


@asynccontextmanager
async def tracing(service: str, endpoint: str) -> AsyncIterator[None]:
    """Make spans, and send them over OTLP (HTTP, protobuf), for the length of the block; its end sends what is left.

    Args:
        service: Name of the process.
        endpoint: Of a collector; traces go to ``/v1/traces`` below it.
    """
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"clipferry-{service}"}), shutdown_on_exit=False
    )
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_S))
    )
    with traced_by(OtelSpans(provider.get_tracer("clipferry"))):
        try:
            yield
        finally:
            await asyncio.to_thread(provider.shutdown)


class OtelSpans:
    """See `services.chassis.tracing.Spans`."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def begin(self, name: str, kind: Kind, parent: str) -> Iterator["_OtelSpan"]:
        around = _W3C.extract({TRACEPARENT: parent}) if parent else None
        span = self._tracer.start_span(name, around, _KINDS[kind])
        before = context.get_current()
        context.attach(trace.set_span_in_context(span))
        told = _OtelSpan(span)
        try:
            yield told
        except Exception as error:
            told.fail_unless_told(type(error).__name__)
            raise
        finally:
            # Not by its token: a stream that is cancelled may be closed in another context, where a token is refused.
            context.attach(before)
            span.end()

    def traceparent(self) -> str:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get(TRACEPARENT, "")


class _OtelSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._is_told = False
        """Whether somebody who knows better has said that it failed."""

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Mapping[str, str | int]) -> None:
        self._span.set_attributes(attributes)

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.StatusCode.ERROR, reason)
        self._is_told = True

    def fail_unless_told(self, reason: str) -> None:
        if not self._is_told:
            self.fail(reason)
