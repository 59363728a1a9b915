"""What the services say to those that start, stop and balance them."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from fastapi import FastAPI
from grpc_health.v1 import health_pb2, health_pb2_grpc

from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc
from gateway.api.probes import probes_router
from gateway.api.problems import add_problem_handlers
from services.chassis.channel import open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.health import LIVENESS, READINESS
from services.chassis.readiness import Readiness
from services.chassis.server import Served, serving
from services.queue.service import queue_service
from tests.fakes.faulty_store import Faults, When, faulty
from tests.fakes.gateway_client import gateway_at_hand
from tests.fakes.queue_client import settings_for

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAME = "clipferry.queue.v1.QueueService"


async def ask(channel: grpc.aio.Channel, name: str) -> Any:
    request = health_pb2.HealthCheckRequest(service=name)
    return (await health_pb2_grpc.HealthStub(channel).Check(request, timeout=30)).status


class Counting(queue_service_pb2_grpc.QueueServiceServicer):
    """Counts the calls of GetStats; one of CancelJob stays open until `release`."""

    def __init__(self) -> None:
        self.count = 0
        self.held = asyncio.Event()
        self.release = asyncio.Event()

    async def GetStats(self, request: Any, context: Any) -> Any:
        self.count += 1
        return queue_service_pb2.GetStatsResponse()

    async def CancelJob(self, request: Any, context: Any) -> Any:
        self.held.set()
        await self.release.wait()
        return queue_service_pb2.CancelJobResponse()


def served(servicer: Counting) -> list[Served]:
    return [Served(NAME, queue_service_pb2_grpc.add_QueueServiceServicer_to_server, servicer)]


async def test_without_its_store_a_queue_lives_and_is_not_ready(tmp_path: Path) -> None:
    """A restart would not help, so liveness stays; and its callers still get to it, to be told what is wrong."""
    faults = Faults()
    async with (
        queue_service(settings_for(tmp_path), open_store=faulty(faults)) as port,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        assert [await ask(link.channel, name) for name in (READINESS, LIVENESS, "")] == [SERVING] * 3

        faults.arm("get", When.BEFORE)
        assert await ask(link.channel, READINESS) == NOT_SERVING
        assert [await ask(link.channel, name) for name in (LIVENESS, "", NAME)] == [SERVING] * 3

        assert await ask(link.channel, READINESS) == SERVING


async def test_a_draining_server_lives_and_is_not_ready(tmp_path: Path) -> None:
    """Whoever watches hears it, and whoever asks is told, for as long as an open call lasts."""
    servicer, health_address = Counting(), f"unix:{tmp_path / 'health'}"
    async with contextlib.AsyncExitStack() as outer:
        stack = await outer.enter_async_context(contextlib.AsyncExitStack())
        port = await stack.enter_async_context(
            serving(served(servicer), address="127.0.0.1:0", drain_s=10, health_address=health_address)
        )
        link = await outer.enter_async_context(open_link(f"127.0.0.1:{port}"))
        probe = await outer.enter_async_context(grpc.aio.insecure_channel(health_address))
        health = health_pb2_grpc.HealthStub(link.channel)
        watches = {name: health.Watch(health_pb2.HealthCheckRequest(service=name)) for name in ("", READINESS)}
        for watch in watches.values():
            assert (await watch.read()).status == SERVING
        assert [await ask(probe, name) for name in (LIVENESS, READINESS)] == [SERVING, SERVING]
        held = asyncio.ensure_future(
            queue_service_pb2_grpc.QueueServiceStub(link.channel).CancelJob(queue_service_pb2.CancelJobRequest())
        )
        await servicer.held.wait()

        closing = asyncio.create_task(stack.aclose())

        for watch in watches.values():
            assert (await watch.read()).status == NOT_SERVING
            watch.cancel()
        assert [await ask(probe, name) for name in (LIVENESS, READINESS)] == [SERVING, NOT_SERVING]
        servicer.release.set()
        await held
        await closing


async def test_no_new_call_goes_to_a_server_that_drains() -> None:
    """While it still answers: of two servers all calls go to the other one, and none fails."""
    leaving, staying = Counting(), Counting()
    async with contextlib.AsyncExitStack() as outer:
        stack = await outer.enter_async_context(contextlib.AsyncExitStack())
        ports = [
            await stack.enter_async_context(serving(served(leaving), address="127.0.0.1:0", drain_s=10)),
            await outer.enter_async_context(serving(served(staying), address="127.0.0.1:0", drain_s=0)),
        ]
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        link = await outer.enter_async_context(open_link(target))
        stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)

        async def both_are_used() -> None:
            while not (leaving.count and staying.count):
                await stub.GetStats(queue_service_pb2.GetStatsRequest(), timeout=30)

        await asyncio.wait_for(both_are_used(), timeout=30)
        direct = await outer.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{ports[0]}"))
        watch = health_pb2_grpc.HealthStub(direct).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING

        async def call() -> None:
            for _ in range(20):
                await stub.GetStats(queue_service_pb2.GetStatsRequest(), timeout=30)

        calls = [asyncio.create_task(call()) for _ in range(20)]
        closing = asyncio.create_task(stack.aclose())
        assert (await watch.read()).status == NOT_SERVING
        count = leaving.count
        await asyncio.gather(*calls)
        watch.cancel()
        await closing

    assert leaving.count + staying.count >= 400
    # Those that were on their way when the word came.
    assert leaving.count - count <= 60


async def test_health_alone_is_served_where_a_probe_needs_no_certificate(tmp_path: Path) -> None:
    """At that address there is health and nothing else."""
    address = f"unix:{tmp_path / 'health'}"
    async with (
        serving(served(Counting()), address="127.0.0.1:0", drain_s=0, health_address=address),
        open_link(address) as link,
    ):
        assert await ask(link.channel, READINESS) == SERVING

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await queue_service_pb2_grpc.QueueServiceStub(link.channel).GetStats(
                queue_service_pb2.GetStatsRequest(), timeout=5
            )

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_gateway_without_a_queue_lives_and_is_ready(tmp_path: Path) -> None:
    """It tells its users itself what is missing; taken away, nobody would."""
    async with gateway_at_hand(tmp_path, queue_port=1) as gateway:
        answers = [(await gateway.http.get(path)).status_code for path in ("/livez", "/readyz", "/health")]

    assert answers == [204, 204, 503]


class Away:
    """A `Database` that cannot be used."""

    async def run(self, sql: str, *arguments: Any) -> Any:
        raise ClipferryError(Reason.STORE_UNAVAILABLE)

    def transaction(self, *, lock: str = "") -> Any:
        raise ClipferryError(Reason.STORE_UNAVAILABLE)

    async def rung(self, timeout_s: float) -> None:
        raise ClipferryError(Reason.STORE_UNAVAILABLE)


async def test_a_gateway_without_its_store_lives_and_is_not_ready() -> None:
    app = FastAPI()
    app.include_router(probes_router(Readiness(partial(Away().run, "SELECT 1"))))
    add_problem_handlers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as http:
        live, ready = await http.get("/livez"), await http.get("/readyz")

    assert live.status_code == 204
    assert (ready.status_code, ready.json()["code"]) == (503, "STORE_UNAVAILABLE")
