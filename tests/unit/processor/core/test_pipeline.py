"""One run, whatever happens to it: the queue hears one true ending, and nothing is left behind."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import ClipferryError, Reason
from services.processor.core.memory import MemoryBudget
from services.processor.core.pipeline import JobRun, Parts
from services.processor.core.plan import Limits
from services.processor.core.room import Room
from services.processor.core.run import Entry, FetchRequest, MediaKind, Progress, Receipt, Run, Stage
from tests.fakes.eventually import eventually
from tests.fakes.processor_tools import (
    FACTS,
    FOUND,
    RECEIPT,
    FakeDelivery,
    FakeDownloader,
    FakeLeases,
    FakeMedia,
    Script,
    a_run,
    moved,
)

BEFORE_COMMIT = ("extract", "download", "describe", "thumbnail", "begin", "send")
PAGE = "https://www.example.com/walk"
STEPS = (*BEFORE_COMMIT, "commit", "answer", "complete")


@dataclass
class World:
    script: Script
    site: FakeDownloader
    media: FakeMedia
    delivery: FakeDelivery
    leases: FakeLeases
    budget: MemoryBudget
    room: Room
    progress: list[Progress]
    waits: asyncio.Event
    """Set once a run waits for memory."""

    def job(self, run: Run | None = None) -> JobRun:
        limits = Limits(video_bytes=10_000, total_bytes=40_000, telegram_bytes=9_000)
        parts = Parts(
            downloader=self.site,
            media=self.media,
            delivery=self.delivery,
            leases=self.leases,
            room=self.room,
            limits=limits,
            clock=SystemClock(),
        )
        return JobRun(run or a_run(), parts, self.progress.append)

    async def failure(self, run: Run | None = None) -> tuple[ClipferryError, bool]:
        """Run, and return the one failure the queue heard of."""
        await self.job(run).execute()
        assert not self.leases.completed
        (failed,) = self.leases.failed
        return failed


@pytest.fixture
async def world() -> World:
    script = Script()
    budget = MemoryBudget(max_bytes=40_000, max_per_video_bytes=10_000)
    waits = asyncio.Event()

    def note_waiting() -> None:
        if room.waiting_count:
            waits.set()

    room = Room(budget, total_bytes=40_000, on_change=note_waiting)
    return World(
        script=script,
        site=FakeDownloader(script),
        media=FakeMedia(script),
        delivery=FakeDelivery(script),
        leases=FakeLeases(script),
        budget=budget,
        room=room,
        progress=[],
        waits=waits,
    )


def _open_fd_count() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def nothing_is_left(world: World) -> Iterator[None]:
    """After each test: no memory is held, no download is open, no file descriptor leaked."""
    before = _open_fd_count()
    yield
    assert world.budget.stats().current_bytes == 0
    assert world.budget.stats().active_allocations == 0
    assert world.site.open_count == 0
    assert _open_fd_count() <= before


async def test_a_run_delivers_the_bytes_and_says_so_once(world: World) -> None:
    await world.job().execute()
    ((header, data),) = world.delivery.sent
    assert data == world.site.data
    assert (header.width, header.height, header.duration_s) == (640, 360, 12.5)
    assert header.file_name == "A walk in the park.mp4"
    assert "https://www.example.com/walk" in header.caption
    assert world.leases.completed == [RECEIPT]
    assert world.leases.failed == []
    assert world.leases.summaries[0].size_bytes == 3_000
    assert world.script.steps == list(STEPS)


async def test_progress_rises_to_99_and_leaves_100_to_the_queue(world: World) -> None:
    await world.job().execute()
    percents = [step.percent for step in world.progress]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] == 99
    stages = list(dict.fromkeys(step.stage for step in world.progress))
    assert stages == [Stage.PROBING, Stage.DOWNLOADING, Stage.MUXING, Stage.SENDING]


@pytest.mark.parametrize("step", BEFORE_COMMIT)
async def test_a_failure_before_the_commit_is_told_with_its_reason(world: World, step: str) -> None:
    world.script.failures[step] = ClipferryError(Reason.GONE)
    error, not_sent = await world.failure()
    assert error.reason is Reason.GONE
    assert not not_sent
    assert "commit" not in world.script.steps


@pytest.mark.parametrize("step", BEFORE_COMMIT)
async def test_a_fault_of_ours_is_internal_and_shows_nothing(world: World, step: str) -> None:
    world.script.failures[step] = RuntimeError("secret details")
    error, _ = await world.failure()
    assert error.reason is Reason.INTERNAL
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("raised", "reason", "not_sent"),
    [
        (ClipferryError(Reason.TELEGRAM_FLOOD, retry_after_s=3), Reason.TELEGRAM_FLOOD, True),
        (ClipferryError(Reason.TELEGRAM_REJECTED), Reason.TELEGRAM_REJECTED, True),
        (ClipferryError(Reason.DELIVERY_UNKNOWN), Reason.DELIVERY_UNKNOWN, False),
        (RuntimeError("boom"), Reason.DELIVERY_UNKNOWN, False),
    ],
)
async def test_after_the_commit_only_a_definite_answer_means_not_sent(
    world: World, raised: Exception, reason: Reason, not_sent: bool
) -> None:
    world.script.failures["answer"] = raised
    error, said_not_sent = await world.failure()
    assert (error.reason, said_not_sent) == (reason, not_sent)


async def test_a_cancel_that_wins_at_the_commit_ends_as_cancelled(world: World) -> None:
    world.script.failures["commit"] = ClipferryError(Reason.CANCEL_REQUESTED)
    error, not_sent = await world.failure()
    assert error.reason is Reason.CANCELLED
    assert not_sent
    assert world.delivery.sent == []


@pytest.mark.parametrize("step", ["begin", "commit", "complete"])
async def test_a_lost_run_tells_nobody(world: World, step: str) -> None:
    world.script.failures[step] = ClipferryError(Reason.LEASE_LOST)
    await world.job().execute()
    assert world.leases.failed == []
    assert world.leases.completed == []


@pytest.mark.parametrize("step", STEPS)
async def test_a_cancel_at_any_step_leaves_nothing_behind(world: World, step: str) -> None:
    world.script.stops.add(step)
    task = asyncio.create_task(world.job().execute())
    await world.script.arrival(step).wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert world.leases.failed == []
    assert world.site.open_count == 0
    assert world.budget.stats().current_bytes == 0


async def test_a_cancel_while_the_downloader_ends_leaves_no_file_open(world: World) -> None:
    """Its file was taken already, and has no name any more: an open descriptor is its memory."""
    world.script.stops.add("close")
    task = asyncio.create_task(world.job().execute())
    await world.script.arrival("close").wait()

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()


async def test_an_earlier_delivery_completes_without_sending(world: World) -> None:
    world.leases.earlier = Receipt(chat_id=1, message_id=2, file_id="old", size_bytes=3)
    await world.job().execute()
    assert world.leases.completed == [world.leases.earlier]
    assert world.delivery.sent == []


async def test_a_run_over_its_time_is_timed_out(world: World) -> None:
    world.script.stops.add("download")
    error, not_sent = await world.failure(a_run(timeout_s=0.01))
    assert error.reason is Reason.TIMED_OUT
    assert not not_sent


async def test_after_the_commit_the_run_deadline_is_void(world: World) -> None:
    """Cutting off a run whose last byte is out would only turn a known outcome into an unknown one."""
    world.script.stops.add("answer")
    task = asyncio.create_task(world.job(a_run(timeout_s=2)).execute())
    await world.script.arrival("answer").wait()
    await asyncio.wait([task], timeout=2.5)
    assert not task.done()
    world.script.go.set()
    await task
    assert world.leases.completed == [RECEIPT]


async def test_the_held_memory_follows_the_run(world: World) -> None:
    """The limit while probing, the estimate while downloading or more if it is more, then the size of the file."""
    held: dict[str, int] = {}
    world.site.moves = [moved(1_000), moved(4_000), moved(3_000)]

    class Watching(Script):
        async def step(self, name: str) -> None:
            held[name] = world.budget.stats().current_bytes

    world.site.script = world.media.script = Watching()
    await world.job().execute()
    assert held == {"extract": 9_000, "download": 3_000, "describe": 3_000, "thumbnail": 3_000}
    assert world.budget.stats().peak_bytes == 9_000


def descriptor_count() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_run_that_is_cancelled_again_and_again_gives_all_back(world: World) -> None:
    before_count = descriptor_count()
    world.script.stops.add("begin")
    task = asyncio.create_task(world.job().execute())
    await world.script.arrival("begin").wait()
    held_count = descriptor_count()

    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0)

    async def is_free() -> bool:
        return world.budget.stats().current_bytes == 0 and descriptor_count() == before_count

    await eventually(is_free, within_s=20, what="file and memory are free")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert held_count == before_count + 1


@pytest.mark.parametrize("step", ["complete", "fail"])
async def test_memory_does_not_wait_for_a_queue_that_is_silent(world: World, step: str) -> None:
    """What was sent, or given up, holds none while the queue is told, however long that takes."""
    if step == "fail":
        world.script.failures["answer"] = ClipferryError(Reason.TELEGRAM_REJECTED)
    world.script.stops.add(step)
    task = asyncio.create_task(world.job().execute())
    await world.script.arrival(step).wait()

    async def is_free() -> bool:
        return world.budget.stats().current_bytes == 0

    await eventually(is_free, within_s=20, what="the memory is free")
    assert not task.done()
    world.script.go.set()
    await task


async def test_a_merge_holds_its_size_twice(world: World) -> None:
    world.site.found = replace(FOUND, merges=True)
    world.script.stops.add("download")
    task = asyncio.create_task(world.job().execute())
    await world.script.arrival("download").wait()
    assert world.budget.stats().current_bytes == 6_000
    assert world.leases.resized == [6_000]
    world.script.go.set()
    await task


async def test_a_run_waits_for_memory_and_then_goes_on(world: World) -> None:
    """Jobs wait, they don't fail."""
    world.budget.allocate("other", 35_000)
    task = asyncio.create_task(world.job().execute())
    await world.waits.wait()
    assert world.script.steps == []
    assert "memory" in world.progress[-1].message
    world.room.free("other")
    await task
    assert world.leases.completed == [RECEIPT]


async def test_a_download_that_outgrows_all_memory_fails_as_such(world: World) -> None:
    world.site.moves = [moved(1_000), moved(45_000)]
    error, _ = await world.failure()
    assert error.reason is Reason.MEMORY_BUDGET


async def test_a_video_over_the_limit_is_refused_before_a_byte_is_fetched(world: World) -> None:
    world.site.found = replace(FOUND, estimated_bytes=9_001)
    error, _ = await world.failure()
    assert error.reason is Reason.VIDEO_TOO_LARGE
    assert error.metadata == {"size_bytes": "9001", "limit_bytes": "9000", "url": PAGE}
    assert "download" not in world.script.steps


async def test_a_file_over_the_limit_is_not_sent(world: World) -> None:
    world.site.data = b"v" * 9_001
    error, _ = await world.failure()
    assert error.reason is Reason.VIDEO_TOO_LARGE
    assert "send" not in world.script.steps


async def test_a_file_that_lasts_too_long_is_not_sent(world: World) -> None:
    """Where the site does not say how long a video is, the file does."""
    error, not_sent = await world.failure(a_run(fetch=FetchRequest(url=PAGE, max_duration_s=2)))
    assert error.reason is Reason.DURATION_TOO_LONG
    assert error.metadata == {"duration_s": "12.5", "limit_s": "2", "url": PAGE}
    assert error.message == f"The video lasts 12 s; the limit is 2 s ({PAGE})."
    assert not not_sent
    assert "begin" not in world.script.steps


async def test_a_recording_may_last_as_long_as_it_took(world: World) -> None:
    """It was closed when it was long enough; what is in it is sent."""
    world.site.found = replace(FOUND, is_live=True, estimated_bytes=0)
    world.site.finished.set()
    await world.job(a_run(fetch=FetchRequest(url=PAGE, allow_live=True, max_duration_s=2))).execute()
    assert world.leases.completed == [RECEIPT]


async def test_a_live_stream_is_refused_unless_allowed(world: World) -> None:
    world.site.found = replace(FOUND, is_live=True, estimated_bytes=0)
    error, _ = await world.failure()
    assert error.reason is Reason.LIVE


async def test_finish_closes_a_recording_and_sends_it(world: World) -> None:
    world.site.found = replace(FOUND, is_live=True, estimated_bytes=0)
    world.script.stops.add("download")
    job = world.job(a_run(fetch=FetchRequest(url="https://example.com/live", allow_live=True)))
    task = asyncio.create_task(job.execute())
    await world.script.arrival("download").wait()
    await job.finish()
    assert world.site.finished.is_set()
    world.script.go.set()
    await task
    assert world.leases.completed == [RECEIPT]


async def test_what_was_finished_in_an_earlier_run_is_not_recorded_anew(world: World) -> None:
    world.site.found = replace(FOUND, is_live=True, estimated_bytes=0)
    error, _ = await world.failure(a_run(fetch=FetchRequest(url=PAGE, allow_live=True), was_finished=True))
    assert error.reason is Reason.LIVE
    assert "it is lost" in error.message
    assert not error.reason.retryable
    assert world.site.fetched == []


@pytest.mark.parametrize("allow_live", [False, True])
async def test_finish_means_nothing_to_what_is_no_recording(world: World, allow_live: bool) -> None:
    """Asked for at any time, also where a recording would have been allowed, the video arrives whole."""
    world.script.stops.add("download")
    job = world.job(a_run(fetch=FetchRequest(url=PAGE, allow_live=allow_live)))
    task = asyncio.create_task(job.execute())
    await job.finish()
    await world.script.arrival("download").wait()
    await job.finish()
    assert not world.site.finished.is_set()
    world.script.go.set()
    await task
    assert world.delivery.sent[0][1] == world.site.data


async def test_a_recording_ends_by_itself_near_the_limit(world: World) -> None:
    world.site.found = replace(FOUND, is_live=True, estimated_bytes=0)
    world.site.moves = [moved(8_000, total_bytes=0), moved(8_200, total_bytes=0)]
    await world.job(a_run(fetch=FetchRequest(url="https://example.com/live", allow_live=True))).execute()
    assert world.leases.completed == [RECEIPT]


async def test_a_chat_that_was_refused_costs_no_second_download(world: World) -> None:
    """What the next run for it ends with is the wait that is left; a run for another chat goes on."""
    world.script.failures["send"] = ClipferryError(Reason.TELEGRAM_FLOOD, retry_after_s=222.0)
    first = world.job(a_run(destination="@News"))
    await first.execute()
    world.script.steps.clear()

    await JobRun(a_run(destination="@news", token=2), first._parts, world.progress.append).execute()
    assert world.script.steps == []
    (_, (error, not_sent)) = world.leases.failed
    assert (error.reason, not_sent) == (Reason.TELEGRAM_FLOOD, False)
    assert error.retry_after_s is not None
    assert 215 < error.retry_after_s <= 222

    del world.script.failures["send"]
    await JobRun(a_run(destination="42", token=3), first._parts, world.progress.append).execute()
    assert len(world.leases.completed) == 1


async def test_a_list_needs_a_choice(world: World) -> None:
    entries = tuple(Entry(item=item, title="x", url="https://e.com") for item in (1, 2, 3))
    world.site.found = replace(FOUND, entries=entries, format_id="")
    error, _ = await world.failure()
    assert error.reason is Reason.PLAYLIST_NEEDS_CONFIRM
    assert error.metadata == {"entry_count": "3", "url": PAGE}


async def test_a_file_without_picture_goes_out_as_audio(world: World) -> None:
    world.media.facts = replace(FACTS, video_codec="", width=0, height=0, mime_type="audio/mp4")
    await world.job().execute()
    assert world.delivery.sent[0][0].kind is MediaKind.AUDIO
