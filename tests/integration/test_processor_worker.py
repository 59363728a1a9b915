"""The worker against a scripted queue over real gRPC: its runs outlive streams, and every order is obeyed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from clipferry.queue.v1 import worker_service_pb2 as pb
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import to_status
from services.chassis.wire import duration
from tests.fakes.processor_queue import ScriptedQueue, agree, assign, lease, refuse, silence
from tests.fakes.processor_tools import FOUND, moved
from tests.fakes.processor_world import World, a_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(ScriptedQueue()) as world:
        yield world


async def test_a_worker_says_who_it_is_and_what_it_can_take(world: World) -> None:
    stream = await world.queue.stream()
    assert stream.hello.slots == 2
    assert stream.hello.memory_limit_bytes == 209_715_200
    assert set(stream.hello.versions) == {"clipferry", "yt-dlp"}
    assert stream.hello.memory_processing
    await world.queue.until(lambda: world.queue.readies)
    ready = world.queue.readies[0]
    assert (ready.free_slots, ready.free_bytes) == (2, 209_715_200)
    assert ready.memory.max_per_video_bytes == 52_428_800


async def test_a_job_goes_all_the_way(world: World) -> None:
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())
    assert world.queue.kinds() == ["begin_send", "commit_send", "complete_job"]
    complete = world.queue.move("complete_job").complete_job
    assert (complete.lease, complete.delivery.message_id) == (lease(), 8)
    assert bytes(world.notifier.data) == world.site.data
    await world.idle()


async def test_credits_follow_what_runs(world: World) -> None:
    await world.begin()
    await world.queue.until(lambda: world.queue.readies[-1].free_slots == 1)
    assert world.queue.readies[-1].memory.active_allocations == 1
    world.script.go.set()
    await world.idle()


async def test_the_last_move_of_a_run_comes_with_the_credit_for_the_next(world: World) -> None:
    """So that one commit ends a run and begins another."""
    offered: list[int] = []

    def complete(move: pb.Move) -> pb.Answer:
        offered.append(world.queue.readies[-1].free_slots)
        return agree(move)

    world.queue.answers["complete_job"] = complete
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: offered)

    assert offered == [2]
    await world.idle()


async def test_progress_is_seen_at_once_and_rises(world: World) -> None:
    """The beat interval is a minute: progress does not wait for it."""
    await world.begin()
    await world.queue.until(lambda: any(beat.progress.percent > 5 for beat in world.queue.beats))
    world.script.go.set()
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())
    percents = [beat.progress.percent for beat in world.queue.beats if beat.HasField("progress")]
    assert percents == sorted(percents)


async def test_much_progress_is_ten_messages_a_second(world: World) -> None:
    world.site.moves = [moved(step) for step in range(1, 3_001)]
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())
    assert len(world.queue.beats) < 30


@pytest.mark.parametrize("step", ["extract", "download", "describe", "begin"])
async def test_a_cancel_stops_the_run_and_is_told(world: World, step: str) -> None:
    if step == "begin":
        world.queue.answers["begin_send"] = silence
        (await world.queue.stream()).say(assigns=[assign()])
        await world.queue.until(lambda: world.queue.kinds() == ["begin_send"])
    else:
        await world.begin(at=step)
    world.queue.streams[0].say(cancels=[{"lease": lease()}])
    await world.queue.until(lambda: "fail_job" in world.queue.kinds())
    assert world.queue.move("fail_job").fail_job.error.reason == "CANCELLED"
    await world.idle()


async def test_a_cancel_while_sending_cuts_the_upload(world: World) -> None:
    world.notifier.takes.clear()
    (await world.queue.stream()).say(assigns=[assign()])
    await world.notifier.got_part.wait()
    world.queue.streams[0].say(cancels=[{"lease": lease()}])
    await world.queue.until(lambda: "fail_job" in world.queue.kinds())
    await asyncio.wait_for(world.notifier.ended.wait(), 30)
    assert world.notifier.last is None


async def test_after_the_commit_a_cancel_has_no_effect(world: World) -> None:
    """The message may be out: honesty beats the flag."""
    world.notifier.answers.clear()
    (await world.queue.stream()).say(assigns=[assign()])
    await world.notifier.got_last.wait()
    world.queue.streams[0].say(cancels=[{"lease": lease()}])
    world.notifier.answers.set()
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())
    assert "fail_job" not in world.queue.kinds()


async def test_a_lost_run_stops_and_calls_nothing(world: World) -> None:
    await world.begin()
    world.queue.streams[0].say(lost=[{"lease": lease()}])
    await world.idle()
    assert world.queue.kinds() == []
    assert world.notifier.header is None


async def test_an_order_for_another_token_is_not_for_this_run(world: World) -> None:
    await world.begin()
    world.queue.streams[0].say(cancels=[{"lease": lease(token=2)}], lost=[{"lease": lease(token=0)}])
    world.script.go.set()
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())


async def test_a_newer_run_of_a_job_replaces_the_older(world: World) -> None:
    await world.begin()
    world.queue.streams[0].say(assigns=[assign(token=2)])
    world.script.go.set()
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())
    assert world.queue.move("complete_job").complete_job.lease == lease(token=2)
    await world.idle()


async def test_a_refused_commit_sends_nothing_and_ends_as_cancelled(world: World) -> None:
    world.queue.answers["commit_send"] = refuse(Reason.CANCEL_REQUESTED)
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: "fail_job" in world.queue.kinds())
    fail = world.queue.move("fail_job").fail_job
    assert (fail.error.reason, fail.not_sent) == ("CANCELLED", True)
    assert world.notifier.last is None


async def test_a_failure_carries_its_reason_numbers_and_delay(world: World) -> None:
    world.script.failures["extract"] = ClipferryError(
        Reason.RATE_LIMITED, "The site asks to wait 7 s.", retry_after_s=7, status=429
    )
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: "fail_job" in world.queue.kinds())
    fail = world.queue.move("fail_job").fail_job
    assert fail.error.reason == "RATE_LIMITED"
    assert fail.error.message == "The site asks to wait 7 s (https://www.example.com/walk)."
    assert fail.error.retryable
    assert dict(fail.error.metadata) == {"status": "429", "url": "https://www.example.com/walk"}
    assert fail.retry_after.seconds == 7
    assert not fail.not_sent


async def test_a_broken_stream_disturbs_no_run(world: World) -> None:
    """The worker comes back with the same id and its leases, and the run was never touched."""
    await world.begin()
    world.queue.streams[0].end()
    second = await world.queue.stream(2)
    assert second.hello.worker_id == world.queue.streams[0].hello.worker_id
    assert list(second.hello.leases) == [lease()]
    world.script.go.set()
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())
    assert world.script.steps.count("extract") == 1


async def test_the_next_stream_learns_how_far_a_run_is(world: World) -> None:
    """A queue that was started anew knows nothing: it is told at once, not with the next step of the download."""
    await world.begin()
    await world.queue.until(lambda: any(beat.progress.percent > 5 for beat in world.queue.beats))
    percent = world.queue.beats[-1].progress.percent
    world.queue.beats.clear()
    world.queue.streams[0].end()

    await world.queue.until(lambda: any(beat.progress.percent >= percent for beat in world.queue.beats))
    world.script.go.set()


@pytest.mark.parametrize("kind", ["begin_send", "commit_send", "complete_job", "fail_job"])
async def test_a_move_is_made_again_when_the_store_was_away(world: World, kind: str) -> None:
    """Nobody knows whether it was made; its run neither fails for it nor is it forgotten."""
    if kind == "fail_job":
        world.script.failures["extract"] = ClipferryError(Reason.GONE)

    def away_once(move: pb.Move) -> pb.Answer:
        world.queue.answers[kind] = agree
        away = ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=0.01)
        return pb.Answer(correlation_id=move.correlation_id, error=to_status(away))

    world.queue.answers[kind] = away_once
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: world.queue.kinds().count(kind) == 2)
    await world.idle()

    assert world.queue.kinds()[-1] == ("fail_job" if kind == "fail_job" else "complete_job")
    assert len(world.queue.streams) == 1


@pytest.mark.parametrize("kind", ["begin_send", "commit_send", "complete_job", "fail_job"])
async def test_an_unanswered_move_is_sent_again_on_the_next_stream(world: World, kind: str) -> None:
    if kind == "fail_job":
        world.script.failures["extract"] = ClipferryError(Reason.GONE)
    world.queue.answers[kind] = silence
    (await world.queue.stream()).say(assigns=[assign()])
    await world.queue.until(lambda: kind in world.queue.kinds())
    world.queue.answers[kind] = agree
    world.queue.streams[0].end()
    await world.queue.until(lambda: world.queue.kinds().count(kind) == 2)
    await world.idle()
    assert world.queue.kinds()[-1] == ("fail_job" if kind == "fail_job" else "complete_job")


async def test_a_lease_that_is_not_renewed_ends_the_run() -> None:
    queue = ScriptedQueue(lease_ttl_s=2, beat_interval_s=0.1)
    queue.renews = False
    async with a_world(queue) as world:
        world.script.stops.add("download")
        (await world.queue.stream()).say(assigns=[assign(ttl_s=2)])
        await world.script.arrival("download").wait()
        await world.idle()
        assert world.queue.kinds() == []


async def test_a_lease_that_is_renewed_goes_on() -> None:
    queue = ScriptedQueue(lease_ttl_s=2, beat_interval_s=0.1)
    async with a_world(queue) as world:
        world.script.stops.add("download")
        (await world.queue.stream()).say(assigns=[assign(ttl_s=2)])
        await world.queue.until(lambda: len(world.queue.beats) >= 30)
        world.script.go.set()
        await world.queue.until(lambda: "complete_job" in world.queue.kinds())


async def test_a_run_whose_commit_has_no_answer_yet_outlives_its_lease() -> None:
    """The answer was lost with the queue: the next stream asks again, and the message goes out."""
    queue = ScriptedQueue(lease_ttl_s=0.3, beat_interval_s=0.1)
    queue.renews = False
    queue.answers["commit_send"] = silence
    async with a_world(queue):
        stream = await queue.stream()
        stream.say(assigns=[assign(ttl_s=30)])
        await queue.until(lambda: "commit_send" in queue.kinds())
        stream.say(renewed=[{"lease": lease(), "ttl": duration(0.1)}])
        beat_count = len(queue.beats)
        await queue.until(lambda: len(queue.beats) >= beat_count + 15)
        queue.answers["commit_send"] = agree
        stream.end()
        await queue.until(lambda: "complete_job" in queue.kinds())


async def test_past_the_commit_a_run_goes_on_without_its_lease() -> None:
    queue = ScriptedQueue(lease_ttl_s=0.3, beat_interval_s=0.1)
    queue.renews = False
    async with a_world(queue) as world:
        world.notifier.answers.clear()
        stream = await queue.stream()
        stream.say(assigns=[assign(ttl_s=30)])
        await world.notifier.got_last.wait()
        stream.say(renewed=[{"lease": lease(), "ttl": duration(0.1)}])
        beat_count = len(queue.beats)
        await queue.until(lambda: len(queue.beats) >= beat_count + 15)
        world.notifier.answers.set()
        await queue.until(lambda: "complete_job" in queue.kinds())


async def test_finish_closes_a_recording(world: World) -> None:
    world.site.found = replace(FOUND, is_live=True, estimated_bytes=0)
    order = assign()
    order.job.job.spec.allow_live = True
    (await world.queue.stream()).say(assigns=[order])
    await world.script.arrival("download").wait()
    world.queue.streams[0].say(finishes=[{"lease": lease()}])
    await world.queue.until(lambda: "complete_job" in world.queue.kinds())


async def test_a_draining_queue_gets_no_credits_until_the_next_stream(world: World) -> None:
    stream = await world.queue.stream()
    stream.say(drain={})
    await world.queue.until(lambda: world.queue.readies and world.queue.readies[-1].free_slots == 0)
    stream.end()
    await world.queue.stream(2)
    await world.queue.until(lambda: world.queue.readies[-1].free_slots == 2)
