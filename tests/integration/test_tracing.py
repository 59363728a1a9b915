"""Traces: one from the request to the message, over every hop, and nothing where they are off."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from clipferry.queue.v1 import job_pb2
from services.chassis import tracing
from services.chassis.observing import observing
from services.chassis.settings import Settings
from services.queue.config import QueueSettings
from tests.fakes.processor_tools import Script
from tests.fakes.queue_client import queue_at_hand
from tests.fakes.trace_collector import attributes_of, trace_collector
from tests.fakes.whole import until_ended, whole

URL = "https://video.test/{}"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
SEND = "clipferry.notifier.v1.NotifierService/SendVideo"
GET = "clipferry.queue.v1.QueueService/GetJob"
SUBMIT = "clipferry.queue.v1.QueueService/SubmitJobs"


async def test_one_trace_leads_from_the_request_to_the_message(tmp_path: Path) -> None:
    """Over the queue too, where nobody calls anybody: the run belongs to the trace of its submit."""
    with trace_collector() as collector:
        async with observing("test", Settings(otlp_endpoint=collector.url)), whole(tmp_path, Script()) as admin:
            job = await admin.submit(traceparent=TRACEPARENT)
            assert (await until_ended(admin, job["id"]))["status"] == "completed"
            await admin.request("GET", "/api/jobs/01900000-0000-7000-8000-000000000001")
            await admin.get("/health")

    (post,) = [span for span in collector.spans if span.parent_span_id.hex() == CALLER]
    submit, run, send, deliver = (collector.one(name) for name in (SUBMIT, "run", SEND, "deliver"))
    assert {span.trace_id.hex() for span in (post, submit, run, send)} == {TRACE}
    assert [span.parent_span_id for span in (submit, run, send)] == [post.span_id, post.span_id, deliver.span_id]
    phases = [span.name for span in collector.spans if span.parent_span_id == run.span_id]
    assert phases == ["extract", "download", "describe", "deliver"]
    assert post.name == "POST /api/jobs"
    assert "GET /api/jobs/{job_id}" in {span.name for span in collector.spans}
    assert attributes_of(post) == {
        "http.request.method": "POST",
        "http.route": "/api/jobs",
        "http.response.status_code": 202,
    }
    assert attributes_of(run)["clipferry.job"] == f"jobs/{job['id']}"
    assert [span.status.code for span in (post, submit, run, send)] == [Status.STATUS_CODE_UNSET] * 4
    assert collector.services == {"clipferry-test"}
    assert "NOT_FOUND" in {span.status.message for span in collector.spans if span.name == GET}
    # Neither who asks for health nor the streams that are always open.
    noise = ("/health", "Watch", "/Work")
    assert not [span for span in collector.spans if any(each in span.name for each in noise)]


async def test_a_log_line_names_its_trace_and_its_request() -> None:
    with trace_collector() as collector:
        async with observing("test", Settings(otlp_endpoint=collector.url)):
            with (
                structlog.contextvars.bound_contextvars(request_id="abc"),
                tracing.span("of a test", parent=TRACEPARENT),
            ):
                line = tracing.name_trace(None, "info", {})
                assert line["trace_id"] == TRACE
                assert dict(tracing.passed_on())["x-request-id"] == "abc"
                assert dict(tracing.passed_on())["traceparent"] == f"00-{TRACE}-{line['span_id']}-01"
            assert tracing.name_trace(None, "info", {}) == {}


async def test_without_traces_nothing_is_passed_on_but_the_request(tmp_path: Path) -> None:
    async with whole(tmp_path, Script()) as admin:
        job = await admin.submit(traceparent=TRACEPARENT)
        assert (await until_ended(admin, job["id"]))["status"] == "completed"
    with structlog.contextvars.bound_contextvars(request_id="abc"), tracing.span("nothing", parent=TRACEPARENT):
        assert tracing.passed_on() == (("x-request-id", "abc"),)


async def test_the_queue_keeps_the_trace_of_a_submit_if_it_is_one(tmp_path: Path) -> None:
    """It outlives the queue, and is no part of what makes two submits the same."""
    told = [TRACEPARENT, "00-nonsense", f"00-{'0' * 32}-{CALLER}-01", f"ff-{TRACE}-{CALLER}-01"]
    async with queue_at_hand(tmp_path) as queue:
        jobs = [
            await queue.submit(spec=job_pb2.JobSpec(url=URL.format(number)), traceparent=each, request_id=str(number))
            for number, each in enumerate(told)
        ]
        again = await queue.submit(spec=job_pb2.JobSpec(url=URL.format(0)), traceparent="", request_id="0")
    async with queue_at_hand(tmp_path) as queue:
        kept = [(await queue.get(job.name)).traceparent for job in jobs]

    assert again.name == jobs[0].name
    assert kept == [TRACEPARENT, "", "", ""]


async def test_a_collector_that_is_away_does_not_hold_up_the_end() -> None:
    """Nor does it disturb anything before."""
    async with asyncio.timeout(6):
        async with observing("test", Settings(otlp_endpoint="http://127.0.0.1:1")):
            with tracing.span("of a test"):
                pass


def loaded(*modules: str, also: Sequence[str]) -> list[str]:
    """Return which of the packages `also` a new interpreter has when it has loaded `modules`."""
    program = (
        f"import json, sys, {', '.join(modules)}; print(json.dumps([name for name in sys.modules"
        f" if any(name == each or name.startswith(each + '.') for each in {list(also)!r})]))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return list(json.loads(told.stdout))


def test_what_is_off_is_not_loaded() -> None:
    """OpenTelemetry's SDK, Prometheus's client, and what is there for the command line; its API comes with FastAPI."""
    services = ("services.queue.service", "services.processor.service", "services.notifier.service", "gateway.service")
    off = ("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client", "rich")

    assert loaded(*services, also=off) == []


@pytest.mark.parametrize("service", ["services.queue", "services.processor", "services.notifier", "gateway"])
def test_what_few_ask_for_is_loaded_when_they_ask(service: str) -> None:
    """Messages that describe messages, threads that are none, the migrations' tool."""
    seldom = ("google.protobuf.descriptor_pb2", "greenlet", "yoyo", "telegram", "yt_dlp")

    assert loaded(f"{service}.service", also=seldom) == []


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        QueueSettings(OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318")
