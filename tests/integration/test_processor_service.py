"""ProcessorService over real gRPC: what runs, a drain, and a look at a page."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from grpc_health.v1 import health_pb2

from clipferry.processor.v1 import processor_service_pb2 as processor_pb
from clipferry.queue.v1 import job_pb2 as job_pb
from services.chassis.errors import ClipferryError, Reason
from services.chassis.health import LIVENESS, READINESS
from services.chassis.status import remote_errors
from services.chassis.wire import duration
from services.processor.core.run import Entry
from tests.fakes.processor_queue import ScriptedQueue, lease
from tests.fakes.processor_tools import FOUND
from tests.fakes.processor_world import World, a_world

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(ScriptedQueue()) as world:
        yield world


async def test_drain_finishes_what_ends_in_time(world: World) -> None:
    await world.begin()
    drain = asyncio.ensure_future(world.processor.Drain(processor_pb.DrainRequest(grace=duration(10)), timeout=20))
    await world.queue.until(lambda: world.queue.readies[-1].free_slots == 0)
    assert (await world.status()).draining
    world.script.go.set()
    drained = await drain
    assert (drained.finished_count, drained.released_count) == (1, 0)
    assert world.queue.kinds()[-1] == "complete_job"


async def test_drain_hands_back_what_does_not(world: World) -> None:
    await world.begin()
    drained = await world.processor.Drain(processor_pb.DrainRequest(), timeout=20)
    assert (drained.finished_count, drained.released_count) == (0, 1)
    assert list(world.queue.move("release_jobs").release_jobs.leases) == [lease()]
    assert world.site.open_count == 0


async def test_callers_are_sent_elsewhere_once_it_drains(world: World) -> None:
    """By health, which says the same to balancers and to an orchestrator; only that it lives stays true."""
    names = ("", "clipferry.processor.v1.ProcessorService", READINESS, LIVENESS)
    watch = world.health.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    assert [await _health(world, name) for name in names] == [SERVING] * 4

    await world.begin()
    drain = asyncio.ensure_future(world.processor.Drain(processor_pb.DrainRequest(grace=duration(10)), timeout=20))

    assert (await asyncio.wait_for(watch.read(), 20)).status == NOT_SERVING
    assert [await _health(world, name) for name in names] == [NOT_SERVING, NOT_SERVING, NOT_SERVING, SERVING]
    # Whoever has not heard it is told so, and what runs goes on.
    assert await _probe_refusal(world) is Reason.SHUTTING_DOWN
    world.script.go.set()
    assert (await drain).finished_count == 1
    watch.cancel()


async def _health(world: World, name: str) -> health_pb2.HealthCheckResponse.ServingStatus:
    answer: health_pb2.HealthCheckResponse = await world.health.Check(
        health_pb2.HealthCheckRequest(service=name), timeout=5
    )
    return answer.status


async def test_a_run_is_handed_back_before_it_has_come_down(world: World) -> None:
    """What it takes down may take longer than a process has left that was asked to stop."""
    world.script.stops.add("close")
    await world.begin()

    drain = asyncio.ensure_future(world.processor.Drain(processor_pb.DrainRequest(), timeout=20))

    try:
        await world.queue.until(lambda: "release_jobs" in world.queue.kinds())
        assert (await world.status()).job_names == ["jobs/1"]
    finally:
        world.script.go.set()
    assert (await drain).released_count == 1
    assert world.queue.kinds() == ["release_jobs"]
    assert world.site.open_count == 0


async def test_leaving_the_service_hands_its_runs_back() -> None:
    queue = ScriptedQueue()
    async with a_world(queue) as world:
        await world.begin()
    assert queue.kinds() == ["release_jobs"]
    assert world.site.open_count == 0


async def test_status_names_what_runs(world: World) -> None:
    await world.begin()
    status = await world.status()
    assert (status.slots_total, status.slots_busy, list(status.job_names)) == (2, 1, ["jobs/1"])
    assert status.worker_id == world.queue.streams[0].hello.worker_id
    assert status.memory.active_allocations == 1
    assert status.ytdlp_version


async def test_a_probe_shows_the_page_and_the_plan(world: World) -> None:
    entries = tuple(Entry(item=item, title="x", url="https://e.com", duration_s=3) for item in (1, 2))
    world.site.found = replace(FOUND, entries=entries, duration_s=12.5, estimated_bytes=60_000_000)
    answer = await _probe(world)
    assert (answer.title, answer.extractor, len(answer.entries)) == ("A walk in the park", "generic", 2)
    assert answer.duration.ToMilliseconds() == 12_500
    assert answer.plan.fit == processor_pb.FIT_TRANSCODE
    assert answer.plan.limit_bytes == 50_000_000


async def test_a_probe_shows_the_picture(world: World) -> None:
    world.site.picture = b"\xff\xd8\xff" + bytes(60_000)

    assert (await _probe(world)).thumbnail == world.site.picture


@pytest.mark.parametrize("failure", [ClipferryError(Reason.CHILD_CRASHED), ClipferryError(Reason.STALLED), None])
async def test_a_probe_without_its_picture_is_none_the_less_one(world: World, failure: ClipferryError | None) -> None:
    """Whatever becomes of the picture, also when it is larger than may be: the page and the plan are shown."""
    world.site.picture = b"\xff\xd8\xff" + bytes(66_000)
    if failure:
        world.script.failures["picture"] = failure

    answer = await _probe(world)

    assert (answer.title, answer.thumbnail) == ("A walk in the park", b"")


async def test_a_picture_that_does_not_come_is_not_waited_for() -> None:
    """Half of what is left of the probe's time is the most that it gets."""
    async with a_world(ScriptedQueue(), probe_timeout_s=5) as world:
        world.script.stops.add("picture")

        assert (await _probe(world)).title == "A walk in the park"
        assert world.site.open_count == 0


async def _probe(world: World, url: str = "https://example.com/walk") -> processor_pb.ProbeUrlResponse:
    with remote_errors():
        answer: processor_pb.ProbeUrlResponse = await world.processor.ProbeUrl(
            processor_pb.ProbeUrlRequest(spec=job_pb.JobSpec(url=url)), timeout=10
        )
    return answer


async def _probe_refusal(world: World, url: str = "https://example.com/walk") -> Reason:
    with pytest.raises(ClipferryError) as refusal:
        await _probe(world, url)
    return refusal.value.reason


async def test_a_probe_fails_with_the_sites_reason(world: World) -> None:
    world.script.failures["extract"] = ClipferryError(Reason.GEO_BLOCKED)
    assert await _probe_refusal(world) is Reason.GEO_BLOCKED


@pytest.mark.parametrize("url", ["", "ftp://e.com", "https://", "https://e.com/" + "x" * 2_100, "http://e.com/a b"])
async def test_a_probe_of_a_bad_url_names_the_field(world: World, url: str) -> None:
    assert await _probe_refusal(world, url) is Reason.FIELD_INVALID


async def test_a_second_probe_is_told_that_one_runs(world: World) -> None:
    world.script.stops.add("extract")
    first = asyncio.create_task(_probe(world))
    await world.script.arrival("extract").wait()
    assert await _probe_refusal(world) is Reason.PROBE_BUSY
    world.script.go.set()
    await first
    await _probe(world)


async def test_a_probe_has_a_deadline() -> None:
    async with a_world(ScriptedQueue(), probe_timeout_s=0.1) as world:
        world.script.stops.add("extract")
        assert await _probe_refusal(world) is Reason.TIMED_OUT
        assert world.site.open_count == 0
