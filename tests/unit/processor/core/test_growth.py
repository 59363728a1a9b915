"""Downloads that turn out larger than their site has said: they wait for memory, and never fail for it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.processor.core.growth import allowed_bytes, wanted_memory
from services.processor.core.memory import MemoryBudget
from services.processor.core.pipeline import JobRun, Parts
from services.processor.core.plan import Limits, make_plan
from services.processor.core.room import Room
from services.processor.core.run import FetchStage, Progress, Run
from tests.fakes.processor_tools import (
    FOUND,
    FakeDelivery,
    FakeDownloader,
    FakeLeases,
    FakeMedia,
    Script,
    a_run,
    moved,
)

LIMITS = Limits(video_bytes=10_000, total_bytes=20_000, telegram_bytes=9_000)


class World:
    """Two downloads at once, and the room that they share."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.budget = MemoryBudget(max_bytes=20_000, max_per_video_bytes=10_000)
        self.room = Room(self.budget, total_bytes=20_000, on_change=self.changed.set)
        self.leases = FakeLeases(Script())

    def job(self, script: Script, site: FakeDownloader, run: Run) -> tuple[JobRun, list[Progress]]:
        told: list[Progress] = []
        parts = Parts(
            downloader=site,
            media=FakeMedia(script),
            delivery=FakeDelivery(script),
            leases=self.leases,
            room=self.room,
            limits=LIMITS,
            clock=SystemClock(),
        )
        return JobRun(run, parts, told.append), told

    async def until_waiting(self, count: int) -> None:
        """Wait until so many runs wait for memory."""
        async with asyncio.timeout(30):
            while self.room.waiting_count != count:
                self.changed.clear()
                await self.changed.wait()


@pytest.mark.parametrize(
    ("merges", "changes", "held_bytes", "wanted_bytes"),
    [
        (False, {"tmpfs_bytes": 2_999}, 3_000, 3_000),
        (False, {"tmpfs_bytes": 4_000, "total_bytes": 4_800}, 3_000, 5_100),
        (False, {"tmpfs_bytes": 4_000}, 3_000, 9_000),
        (False, {"tmpfs_bytes": 2_990, "total_bytes": 0, "is_held_up": True}, 3_000, 9_000),
        (False, {"tmpfs_bytes": 2_990, "is_held_up": True}, 3_000, 3_187),
        (False, {"tmpfs_bytes": 3_180, "is_held_up": True}, 3_187, 9_000),
        (True, {"tmpfs_bytes": 3_000}, 6_000, 6_000),
        (True, {"tmpfs_bytes": 4_000}, 6_000, 18_000),
        (True, {"tmpfs_bytes": 5_999, "stage": FetchStage.MUXING}, 6_000, 6_000),
        (True, {"tmpfs_bytes": 10_000}, 18_000, 19_000),
        (True, {"tmpfs_bytes": 20_001}, 18_000, 20_001),
    ],
)
def test_what_a_download_needs(merges: bool, changes: dict[str, Any], held_bytes: int, wanted_bytes: int) -> None:
    """What it holds while that lasts; then what the site announces, or what a video may have. Twice for a merge."""
    plan = make_plan(replace(FOUND, merges=merges), a_run().fetch, LIMITS)
    assert wanted_memory(moved(0, **changes), plan, LIMITS, held_bytes=held_bytes) == wanted_bytes


def test_what_a_download_may_take_in() -> None:
    """As much as its run holds, half of it where it will be merged; without an end once it holds all that may be."""
    plan = make_plan(FOUND, a_run().fetch, LIMITS)
    assert [allowed_bytes(held, plan) for held in (3_000, 8_999, 9_000)] == [3_000, 8_999, None]
    merged = make_plan(replace(FOUND, merges=True), a_run().fetch, LIMITS)
    assert [allowed_bytes(held, merged) for held in (6_000, 18_000)] == [3_000, None]


async def test_a_download_without_room_to_grow_is_stopped_until_there_is() -> None:
    world, script = World(), Script()
    site = FakeDownloader(script, moves=[moved(1_000), moved(5_000), moved(6_000)], data=b"v" * 6_000)
    world.budget.allocate("other", 8_000)
    job, told = world.job(script, site, a_run())
    script.stops.add("download")
    task = asyncio.create_task(job.execute())
    await script.arrival("download").wait()
    assert world.room.take("third", 8_000)
    script.go.set()

    await world.until_waiting(1)
    assert script.steps[-1] == "pause"
    assert told[-1].message == "Waiting for memory…"
    world.room.free("third")
    await task

    assert script.steps[2:5] == ["pause", "resume", "describe"]
    assert world.leases.completed
    assert world.budget.stats().peak_bytes <= 20_000


async def test_of_two_that_block_each_other_the_younger_starts_again() -> None:
    """Both arrive; the second with what it is now known to need; the percentage never falls."""
    world = World()
    jobs, tolds, scripts = [], [], []
    for token in (1, 2):
        script = Script(stops={"download"})
        site = FakeDownloader(script, moves=[moved(1_000), moved(8_500)], data=b"v" * 8_500)
        site.found = replace(FOUND, merges=True)
        job, told = world.job(script, site, a_run(job_name=f"jobs/{token}", token=token))
        scripts.append(script)
        tolds.append(told)
        jobs.append(asyncio.create_task(job.execute()))
        await script.arrival("download").wait()
    for script in scripts:
        script.go.set()
    await asyncio.gather(*jobs)

    assert len(world.leases.completed) == 2
    assert not world.leases.failed
    assert scripts[0].steps.count("extract") == 1
    assert scripts[1].steps.count("extract") == 2
    percents = [progress.percent for progress in tolds[1]]
    assert percents == sorted(percents)
    stats = world.budget.stats()
    assert (stats.current_bytes, stats.active_allocations) == (0, 0)
    assert stats.peak_bytes <= 20_000


async def test_a_finished_file_larger_than_its_download_waits_too_and_is_closed_with_a_cancel() -> None:
    world, script = World(), Script()
    site = FakeDownloader(script, moves=[moved(1_000)], data=b"v" * 6_000)
    job, _ = world.job(script, site, a_run())
    script.stops.add("download")
    task = asyncio.create_task(job.execute())
    await script.arrival("download").wait()
    assert world.room.take("other", 16_000)
    script.go.set()
    await world.until_waiting(1)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.room.free("other")
    assert world.budget.stats().current_bytes == 0
