"""What every gRPC service does, seen over a real connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc
from services.chassis.channel import Link, open_link
from services.chassis.errors import ClipferryError, Kind, Reason, field_invalid
from services.chassis.lifecycle import StartError
from services.chassis.server import Served, is_loopback, serving
from services.chassis.status import STATUS_BY_KIND, from_status, remote_errors, to_status

NAME = "clipferry.queue.v1.QueueService"
TOKEN = "a-token-of-the-services"


class Scripted(queue_service_pb2_grpc.QueueServiceServicer):
    """Raises what it is told to; GetStats waits for `release`."""

    def __init__(self) -> None:
        self.error: Exception = ClipferryError(Reason.QUEUE_FULL)
        self.called = asyncio.Event()
        self.release = asyncio.Event()

    async def GetJob(self, request: Any, context: Any) -> Any:
        raise self.error

    async def GetStats(self, request: Any, context: Any) -> Any:
        self.called.set()
        await self.release.wait()
        return queue_service_pb2.GetStatsResponse()

    async def WatchJobs(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        yield queue_service_pb2.WatchJobsResponse()
        raise self.error


def served(servicer: Scripted) -> list[Served]:
    return [Served(NAME, queue_service_pb2_grpc.add_QueueServiceServicer_to_server, servicer)]


@pytest.fixture
async def servicer() -> Scripted:
    return Scripted()


@pytest.fixture
async def link(servicer: Scripted) -> AsyncIterator[Link]:
    async with (
        serving(served(servicer), address="127.0.0.1:0", drain_s=0) as port,
        open_link(f"127.0.0.1:{port}") as up,
    ):
        yield up


async def get_job(link: Link) -> None:
    stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)
    with remote_errors():
        await stub.GetJob(queue_service_pb2.GetJobRequest(), timeout=30, metadata=link.metadata)


async def test_an_error_crosses_the_wire_whole(servicer: Scripted, link: Link) -> None:
    servicer.error = ClipferryError(Reason.QUEUE_FULL, "50 of 50 wait.", retry_after_s=1.5, queued=50, limit=50)

    with pytest.raises(ClipferryError) as caught:
        await get_job(link)

    assert caught.value.reason is Reason.QUEUE_FULL
    assert caught.value.message == "50 of 50 wait."
    assert caught.value.metadata == {"queued": "50", "limit": "50"}
    assert caught.value.retry_after_s == 1.5


async def test_an_error_in_a_stream_crosses_the_wire_whole(servicer: Scripted, link: Link) -> None:
    servicer.error = ClipferryError(Reason.CURSOR_EXPIRED, oldest_sequence=7)
    call = queue_service_pb2_grpc.QueueServiceStub(link.channel).WatchJobs()
    await call.done_writing()

    with pytest.raises(ClipferryError) as caught, remote_errors():
        async for _ in call:
            pass

    assert caught.value.reason is Reason.CURSOR_EXPIRED
    assert caught.value.metadata == {"oldest_sequence": "7"}


async def test_a_fault_of_ours_shows_nothing_of_itself(servicer: Scripted, link: Link) -> None:
    servicer.error = RuntimeError("secret detail")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await queue_service_pb2_grpc.QueueServiceStub(link.channel).GetJob(
            queue_service_pb2.GetJobRequest(), timeout=30
        )

    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value.details()) + str(caught.value.trailing_metadata())


async def test_a_call_that_is_not_built_is_unimplemented(link: Link) -> None:
    stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)

    with pytest.raises(ClipferryError) as caught, remote_errors():
        await stub.RetryJob(queue_service_pb2.RetryJobRequest(), timeout=30)

    assert caught.value.reason is Reason.UNIMPLEMENTED


async def test_a_bad_field_is_told_as_bad_request() -> None:
    status = to_status(field_invalid("spec.url", "must be http or https", "ftp://x"))

    violation = error_details_pb2.BadRequest()
    assert [detail.Unpack(violation) for detail in status.details] == [False, True]
    assert violation.field_violations[0].field == "spec.url"


def test_details_of_others_are_not_passed_on() -> None:
    assert from_status(status_pb2.Status(code=13, message="an upstream body")).message == Reason.INTERNAL.text


def test_the_table_of_kinds_is_total() -> None:
    assert set(STATUS_BY_KIND) == set(Kind)
    assert len(set(STATUS_BY_KIND.values())) == len(Kind)


async def test_reflection_lists_every_service(link: Link) -> None:
    call = reflection_pb2_grpc.ServerReflectionStub(link.channel).ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    call.cancel()

    names = {service.name for service in answer.list_services_response.service}
    assert names == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_health_turns_while_open_calls_still_finish(servicer: Scripted) -> None:
    draining = asyncio.Event()
    async with contextlib.AsyncExitStack() as outer:
        stack = await outer.enter_async_context(contextlib.AsyncExitStack())
        port = await stack.enter_async_context(
            serving(served(servicer), address="127.0.0.1:0", drain_s=10, draining=draining)
        )
        link = await outer.enter_async_context(open_link(f"127.0.0.1:{port}"))
        watch = health_pb2_grpc.HealthStub(link.channel).Watch(health_pb2.HealthCheckRequest(service=NAME))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        open_call = asyncio.ensure_future(
            queue_service_pb2_grpc.QueueServiceStub(link.channel).GetStats(queue_service_pb2.GetStatsRequest())
        )
        await servicer.called.wait()

        closing = asyncio.create_task(stack.aclose())

        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert draining.is_set()
        servicer.release.set()
        assert await open_call == queue_service_pb2.GetStatsResponse()
        watch.cancel()
        await closing


async def test_a_port_in_use_is_refused_with_its_address(servicer: Scripted) -> None:
    async with serving(served(servicer), address="127.0.0.1:0", drain_s=0) as port:
        with pytest.raises(StartError, match=f"127.0.0.1:{port}"):
            async with serving(served(servicer), address=f"127.0.0.1:{port}", drain_s=0):
                pass


async def test_beyond_loopback_a_token_is_needed(servicer: Scripted) -> None:
    with pytest.raises(StartError, match="SERVICE_TOKEN"):
        async with serving(served(servicer), address="0.0.0.0:0", drain_s=0):
            pass


@pytest.mark.parametrize("shown", [None, "another-token-of-somebody"])
async def test_with_a_token_only_health_is_open(servicer: Scripted, shown: str | None) -> None:
    async with (
        serving(served(servicer), address="127.0.0.1:0", drain_s=0, token=TOKEN) as port,
        open_link(f"127.0.0.1:{port}", token=shown) as link,
    ):
        health = await health_pb2_grpc.HealthStub(link.channel).Check(health_pb2.HealthCheckRequest(service=NAME))
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(ClipferryError) as caught:
            await get_job(link)

    assert caught.value.reason is Reason.UNAUTHENTICATED


async def test_the_right_token_is_let_through(servicer: Scripted) -> None:
    async with (
        serving(served(servicer), address="127.0.0.1:0", drain_s=0, token=TOKEN) as port,
        open_link(f"127.0.0.1:{port}", token=TOKEN) as link,
    ):
        with pytest.raises(ClipferryError) as caught:
            await get_job(link)

    assert caught.value.reason is Reason.QUEUE_FULL


async def test_nobody_there_is_unavailable() -> None:
    async with open_link("127.0.0.1:1") as link:
        with pytest.raises(ClipferryError) as caught:
            await get_job(link)

    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("queue.example:1", False),
    ],
)
def test_what_counts_as_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
