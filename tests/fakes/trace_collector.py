"""What takes spans as an OpenTelemetry collector does: OTLP over HTTP."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Where spans arrive.

    Args:
        url: For OTEL_EXPORTER_OTLP_ENDPOINT.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Span] = []
        self.services: set[str] = set()

    def take(self, body: bytes) -> None:
        """Take in one request."""
        for told in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {
                each.value.string_value for each in told.resource.attributes if each.key == "service.name"
            }
            for scope in told.scope_spans:
                self.spans += scope.spans

    def one(self, name: str) -> Span:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found


def attributes_of(span: Span) -> dict[str, str | int]:
    """Return what a span says."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@contextmanager
def trace_collector() -> Iterator[Collector]:
    """Run a collector on loopback for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_known = self.path == "/v1/traces"
            if is_known:
                collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
