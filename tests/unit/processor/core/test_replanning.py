"""A run whose format proves larger than its site said takes the next way, and gives up only when there is none."""

from dataclasses import dataclass, replace

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import ClipferryError, Reason
from services.processor.core.memory import MemoryBudget
from services.processor.core.pipeline import JobRun, Parts
from services.processor.core.plan import Limits
from services.processor.core.room import Room
from services.processor.core.run import Offer, Progress
from tests.fakes.processor_tools import (
    FOUND,
    RECEIPT,
    FakeDelivery,
    FakeDownloader,
    FakeLeases,
    FakeMedia,
    Script,
    a_run,
)

LIMIT_BYTES = 500_000
UNKNOWN = Offer(format_id="unknown", width=1280, height=720)
SMALL = Offer(format_id="small", estimated_bytes=4_000, width=320, height=180)


@dataclass
class World:
    site: FakeDownloader
    leases: FakeLeases
    delivery: FakeDelivery
    room: Room
    progress: list[Progress]

    async def run(self, **changes: object) -> None:
        parts = Parts(
            downloader=self.site,
            media=FakeMedia(self.site.script),
            delivery=self.delivery,
            leases=self.leases,
            room=self.room,
            limits=Limits(video_bytes=LIMIT_BYTES, total_bytes=4 * LIMIT_BYTES, telegram_bytes=LIMIT_BYTES),
            clock=SystemClock(),
        )
        run = a_run(fetch=replace(a_run().fetch, **changes))  # type: ignore[arg-type]
        await JobRun(run, parts, self.progress.append).execute()


@pytest.fixture
async def world() -> World:
    script = Script()
    budget = MemoryBudget(max_bytes=4 * LIMIT_BYTES, max_per_video_bytes=LIMIT_BYTES)
    room = Room(budget, total_bytes=4 * LIMIT_BYTES, on_change=lambda: None)
    return World(FakeDownloader(script), FakeLeases(script), FakeDelivery(script), room, [])


def offers(world: World, *made: Offer, duration_s: float | None) -> None:
    world.site.found = replace(FOUND, offers=made, duration_s=duration_s)


async def test_a_smaller_format_follows_one_that_proved_too_large(world: World) -> None:
    """Progress never falls on the way, and no memory is held after it."""
    offers(world, UNKNOWN, SMALL, duration_s=None)
    world.site.larger = frozenset({"unknown"})

    await world.run()

    assert world.site.fetched == ["unknown", "small"]
    assert world.leases.completed == [RECEIPT]
    percents = [step.percent for step in world.progress]
    assert percents == sorted(percents)
    assert world.site.open_count == 0


async def test_what_has_a_duration_is_reencoded_then(world: World) -> None:
    offers(world, UNKNOWN, duration_s=10.0)
    world.site.larger = frozenset({"unknown"})

    await world.run()

    assert world.site.fetched == ["unknown", "unknown"]
    assert world.site.recipe is not None
    assert world.leases.completed == [RECEIPT]


async def test_a_duration_that_no_site_tells_is_asked_for_then(world: World) -> None:
    offers(world, UNKNOWN, duration_s=None)
    world.site.larger = frozenset({"unknown"})
    world.site.asked_duration_s = 10.0

    await world.run()

    assert world.site.fetched == ["unknown", "unknown"]
    assert world.site.recipe is not None
    assert world.leases.completed == [RECEIPT]


async def test_what_is_too_large_stays_so_when_its_duration_cannot_be_had(world: World) -> None:
    """The second look ran into its own limits: that is no word about the page."""
    offers(world, UNKNOWN, duration_s=None)
    world.site.larger = frozenset({"unknown"})
    world.site.asking_fails = ClipferryError(Reason.SITE_UNSUPPORTED, "The page is larger than 5 bytes.")

    await world.run()

    assert [error.reason for error, _ in world.leases.failed] == [Reason.VIDEO_TOO_LARGE]


@pytest.mark.parametrize("made", [(UNKNOWN,), (UNKNOWN, replace(SMALL, estimated_bytes=600_000))])
async def test_where_there_is_no_other_way_it_is_too_large(world: World, made: tuple[Offer, ...]) -> None:
    """It is not fetched again."""
    offers(world, *made, duration_s=None)
    world.site.larger = frozenset({"unknown"})

    await world.run()

    assert world.site.fetched == ["unknown"]
    assert [error.reason for error, _ in world.leases.failed] == [Reason.VIDEO_TOO_LARGE]


async def test_a_run_does_not_try_for_ever(world: World) -> None:
    """Of a site that is wrong about all its sizes, three formats are fetched."""
    names = [f"f{number}" for number in range(6)]
    offers(world, *(replace(SMALL, format_id=name) for name in names), duration_s=None)
    world.site.larger = frozenset(names)

    await world.run()

    assert world.site.fetched == names[:3]
    assert [error.reason for error, _ in world.leases.failed] == [Reason.VIDEO_TOO_LARGE]


async def test_a_recording_is_not_made_twice(world: World) -> None:
    world.site.found = replace(FOUND, is_live=True, offers=(UNKNOWN,))
    world.site.larger = frozenset({"unknown"})

    await world.run(allow_live=True)

    assert world.site.fetched == ["unknown"]
