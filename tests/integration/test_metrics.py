"""Metrics as Prometheus reads them, over HTTP, of services that really run."""

import asyncio
import datetime
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from cryptography import x509
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc
from services.chassis import tracing
from services.chassis.channel import open_link
from services.chassis.clock import SystemClock
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError
from services.chassis.observing import observing
from services.chassis.server import Served, serving
from services.chassis.settings import Settings
from services.chassis.tls import Tls
from services.processor.adapters.backends import NotifierDelivery
from services.processor.core.run import Header, MediaKind
from services.queue.service import queue_service
from tests.fakes.authority import Authority, replace
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.eventually import eventually
from tests.fakes.faulty_store import Faults, When, faulty
from tests.fakes.notifier_tools import CHAT, open_desk
from tests.fakes.processor_tools import BytesLayout, Script, a_run
from tests.fakes.queue_client import settings_for
from tests.fakes.shown_metrics import Numbers, shown_metrics
from tests.fakes.trace_collector import trace_collector
from tests.fakes.whole import until_ended, whole

NAME = "clipferry.queue.v1.QueueService"
SHOWN = Settings(metrics_address="127.0.0.1:0")


async def look(port: int) -> Numbers:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await shown_metrics(http, port)


def risen(before: Numbers, after: Numbers) -> Numbers:
    """Return what has risen, by how much. Other tests of this process have counted too."""
    return {name: value - before.get(name, 0) for name, value in after.items() if value > before.get(name, 0)}


def calls_seen(numbers: Numbers) -> dict[tuple[str, str], float]:
    """Return the gRPC calls that ended, by method and code."""
    return {
        (name.split('grpc_method="')[1].split('"')[0], name.split('code="')[1].split('"')[0]): count
        for name, count in numbers.items()
        if name.startswith("clipferry_grpc_calls_total")
    }


class Odd(queue_service_pb2_grpc.QueueServiceServicer):
    """GetJob refuses, ListJobs breaks, GetStats waits, WatchJobs says one thing and waits."""

    async def GetJob(self, request: Any, context: Any) -> Any:
        raise ClipferryError(Reason.JOB_NOT_FOUND)

    async def ListJobs(self, request: Any, context: Any) -> Any:
        raise RuntimeError("a fault of ours")

    async def CancelJob(self, request: Any, context: Any) -> Any:
        return queue_service_pb2.CancelJobResponse()

    async def GetStats(self, request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    async def WatchJobs(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        yield queue_service_pb2.WatchJobsResponse()
        await asyncio.Event().wait()


@asynccontextmanager
async def odd_queue() -> AsyncIterator[Any]:
    served = Served(NAME, queue_service_pb2_grpc.add_QueueServiceServicer_to_server, Odd())
    async with serving([served], address="127.0.0.1:0", drain_s=0) as port, open_link(f"127.0.0.1:{port}") as link:
        yield queue_service_pb2_grpc.QueueServiceStub(link.channel)


async def test_calls_are_counted_by_how_they_end() -> None:
    """Answered, refused, broken by us, out of time; a stream is open, and then was cancelled."""
    async with observing("test", SHOWN) as port, odd_queue() as queue:
        before = await look(port)
        await queue.CancelJob(queue_service_pb2.CancelJobRequest(), timeout=30)
        for method, request, timeout_s in (
            (queue.GetJob, queue_service_pb2.GetJobRequest(), 5),
            (queue.ListJobs, queue_service_pb2.ListJobsRequest(), 5),
            (queue.GetStats, queue_service_pb2.GetStatsRequest(), 0.05),
        ):
            with pytest.raises(grpc.aio.AioRpcError):
                await method(request, timeout=timeout_s)
        watch = queue.WatchJobs()
        await watch.read()
        during = await look(port)
        watch.cancel()

        async def is_over() -> bool:
            return (await look(port))[opened] == 0

        opened = f'clipferry_grpc_open_calls{{grpc_method="WatchJobs",grpc_service="{NAME}"}}'
        await eventually(is_over, what="the stream has ended")
        seen = risen(before, await look(port))

    assert during[opened] == 1
    assert calls_seen(seen) == {
        ("CancelJob", "OK"): 1,
        ("GetJob", "NOT_FOUND"): 1,
        ("ListJobs", "INTERNAL"): 1,
        ("GetStats", "DEADLINE_EXCEEDED"): 1,
        ("WatchJobs", "CANCELLED"): 1,
    }
    took = f'grpc_method="CancelJob",grpc_service="{NAME}"'
    assert seen[f"clipferry_grpc_call_seconds_count{{{took}}}"] == 1
    assert seen[f'clipferry_grpc_call_seconds_bucket{{{took},le="+Inf"}}'] == 1


async def test_a_job_leaves_its_numbers_everywhere(tmp_path: Path) -> None:
    """One that is delivered and one that fails, at queue, processor and gateway; no label holds an id."""
    script = Script()
    async with observing("test", SHOWN) as port, whole(tmp_path, script) as admin:
        before = await look(port)
        async with admin.socket("jobs", "queue"):
            good = await admin.submit("https://video.test/good")
            assert (await until_ended(admin, good["id"]))["status"] == "completed"
            script.failures["extract"] = ClipferryError(Reason.PRIVATE)
            bad = await admin.submit("https://video.test/bad")
            assert (await until_ended(admin, bad["id"]))["status"] == "failed"
            await admin.request("GET", f"/no/{bad['id']}")
            now = await look(port)
        seen = risen(before, now)

    assert seen['clipferry_queue_outcomes_total{reason="",state="COMPLETED"}'] == 1
    assert seen['clipferry_queue_outcomes_total{reason="PRIVATE",state="FAILED"}'] == 1
    assert (now['clipferry_queue_jobs{state="COMPLETED"}'], now['clipferry_queue_jobs{state="QUEUED"}']) == (1, 0)
    assert now["clipferry_queue_oldest_waiting_seconds"] == 0
    assert seen["clipferry_queue_wait_seconds_count"] == 2
    assert seen["clipferry_queue_claim_seconds_count"] >= 2
    assert seen['clipferry_processor_runs_total{outcome="completed",reason=""}'] == 1
    assert seen['clipferry_processor_runs_total{outcome="failed",reason="PRIVATE"}'] == 1
    assert seen['clipferry_processor_bytes_total{direction="fetched"}'] == 3_000
    assert (now["clipferry_processor_slots"], now["clipferry_processor_memory_reserved_bytes"]) == (3, 0)
    assert seen["clipferry_processor_memory_peak_bytes"] > 0
    assert seen['clipferry_http_requests_total{method="POST",route="/api/jobs",status="202"}'] == 2
    assert seen['clipferry_http_requests_total{method="GET",route="/api/jobs/{job_id}",status="200"}'] >= 2
    assert seen['clipferry_http_requests_total{method="GET",route="other",status="404"}'] == 1
    assert (now["clipferry_websocket_connected_clients"], seen["clipferry_websocket_connections_total"]) == (1, 1)
    assert now['clipferry_websocket_subscriptions{channel="jobs"}'] == 1
    assert now["clipferry_disk_write_bytes"] >= 0
    assert now["process_resident_memory_bytes"] > 0
    assert not [name for name in now if good["id"] in name or "video.test" in name]


async def test_a_delivery_is_a_call_that_went_well() -> None:
    """Also one whose outcome was known before the file was through; none counts as cancelled, and no span failed."""
    clip = padded(mp4_clip(), 1_000_000)
    header = Header(
        run=a_run(destination=CHAT),
        file_name="walk.mp4",
        mime_type="video/mp4",
        size_bytes=len(clip),
        caption="",
        kind=MediaKind.VIDEO,
        duration_s=1.0,
        width=640,
        height=360,
        thumbnail=b"",
        title="",
        performer="",
    )
    with trace_collector() as collector:
        looked_into = Settings(metrics_address="127.0.0.1:0", otlp_endpoint=collector.url)
        async with (
            observing("test", looked_into) as port,
            open_desk() as desk,
            open_link(f"127.0.0.1:{desk.port}") as link,
        ):
            before = await look(port)
            delivery = NotifierDelivery(link, part_bytes=65_536, answer_timeout_s=20, min_bytes_per_s=100_000)
            with tracing.span("run"):
                for _ in range(2):
                    await delivery.send(header, BytesLayout(clip), commit=unhindered, on_sent=ignored, on_wait=ignored)
            seen = risen(before, await look(port))

    assert len(desk.bot_api.messages) == 1
    assert calls_seen(seen) == {("SendVideo", "OK"): 2}
    sends = [span for span in collector.spans if span.name.endswith("/SendVideo")]
    assert [span.status.code for span in sends] == [Status.STATUS_CODE_UNSET] * 2


async def test_a_stop_ends_the_work_stream_well(tmp_path: Path) -> None:
    """A processor that leaves says so: only one that is lost counts as cancelled."""
    async with observing("test", SHOWN) as port:
        before = await look(port)
        async with whole(tmp_path, Script()) as admin:
            job = await admin.submit("https://video.test/good")
            assert (await until_ended(admin, job["id"]))["status"] == "completed"
        seen = calls_seen(risen(before, await look(port)))

    assert {call: count for call, count in seen.items() if call[0] in ("Work", "SendVideo")} == {
        ("Work", "OK"): 1,
        ("SendVideo", "OK"): 1,
    }


async def unhindered() -> None:
    """Commit."""


def ignored(_told: float) -> None:
    pass


async def test_what_can_be_seen_is_shown_while_the_database_is_away(tmp_path: Path) -> None:
    faults = Faults(count=100)
    async with (
        observing("test", SHOWN) as port,
        queue_service(settings_for(tmp_path, drain_s=0), SystemClock(), faulty(faults)),
    ):
        assert 'clipferry_queue_jobs{state="QUEUED"}' in await look(port)
        faults.arm("totals", When.BEFORE)
        seen = await look(port)

    assert 'clipferry_queue_jobs{state="QUEUED"}' not in seen
    assert "clipferry_queue_lease_expiries_total" in seen


async def test_an_address_that_is_taken_is_told_at_the_start() -> None:
    async with observing("test", SHOWN) as port:
        with pytest.raises(StartError, match=f"127.0.0.1:{port}"):
            async with observing("test", Settings(metrics_address=f"127.0.0.1:{port}")):
                pass


async def test_a_loop_that_is_held_up_shows() -> None:
    """By how late it came to what was due meanwhile, and by the tasks that wait."""
    async with observing("test", SHOWN) as port:
        before = await look(port)
        waiting = [asyncio.create_task(asyncio.Event().wait()) for _ in range(50)]
        time.sleep(0.5)  # noqa: ASYNC251 - it is held up on purpose

        async def was_late() -> bool:
            return risen(before, await look(port)).get("clipferry_event_loop_lag_seconds_sum", 0) > 0.3

        await eventually(was_late, within_s=30, what="the lag is seen")
        now = await look(port)
        for task in waiting:
            task.cancel()

    assert now["clipferry_event_loop_tasks"] >= before["clipferry_event_loop_tasks"] + 50


async def test_the_release_is_shown() -> None:
    async with observing("test", SHOWN) as port:
        assert (await look(port))[f'clipferry_build_info{{version="{version("clipferry")}"}}'] == 1


async def test_the_end_of_a_certificate_is_shown_and_files_that_are_refused_are_counted(tmp_path: Path) -> None:
    """A renewed certificate shows its own end; a spoiled one changes nothing but the count."""
    authority, folder = Authority(), tmp_path / "queue"
    tls = authority.write(folder, "queue")
    ends, refused = "clipferry_tls_certificate_expires_timestamp_seconds", "clipferry_tls_refused_total"
    async with observing("test", SHOWN) as port, open_link("127.0.0.1:1", tls=tls):
        before = await look(port)
        assert before[ends] == ends_at_s(tls)

        replace(tls.certificate, b"nothing of this kind")

        async def is_refused() -> bool:
            return (await look(port))[refused] == before[refused] + 1

        await eventually(is_refused, within_s=30, what="the file was looked at")
        assert (await look(port))[ends] == before[ends]

        authority.write(folder, "queue", ends_in=datetime.timedelta(days=9))

        async def is_renewed() -> bool:
            return (await look(port))[ends] == ends_at_s(tls)

        await eventually(is_renewed, within_s=30, what="the new certificate is used")
    assert ends_at_s(tls) > before[ends] + 86400


def ends_at_s(tls: Tls) -> float:
    return x509.load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc.timestamp()
