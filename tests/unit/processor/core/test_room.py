"""Memory is given out in order, and nobody who waits holds any."""

import asyncio

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.memory import MemoryBudget
from services.processor.core.room import Room

MB = 1_000_000


def _room() -> tuple[Room, MemoryBudget]:
    budget = MemoryBudget(max_bytes=200 * MB, max_per_video_bytes=50 * MB)
    return Room(budget, total_bytes=200 * MB, on_change=lambda: None), budget


async def test_three_downloads_of_full_size_run_at_once_and_a_fourth_waits() -> None:
    room, budget = _room()
    assert [room.take(name, 50 * MB) for name in "abcd"] == [True, True, True, False]
    assert budget.stats().current_bytes == 150 * MB


async def test_merges_never_wait_for_each_other_for_ever() -> None:
    """Three runs that all need twice what they hold: each gets it in turn."""
    room, budget = _room()
    finished = []

    async def merge(name: str) -> None:
        if not room.take(name, 100 * MB):
            await room.wait(name, 100 * MB)
        finished.append(name)
        room.free(name)

    for name in "abc":
        assert room.take(name, 50 * MB)
    await asyncio.gather(*(merge(name) for name in "abc"))
    assert sorted(finished) == ["a", "b", "c"]
    assert budget.stats().current_bytes == 0


async def test_a_small_newcomer_does_not_overtake_who_waits() -> None:
    room, _ = _room()
    room.take("a", 150 * MB)
    assert not room.take("b", 60 * MB)
    waits = asyncio.create_task(room.wait("b", 60 * MB))
    await asyncio.sleep(0)
    assert not room.take("c", MB)
    room.free("a")
    await waits


async def test_who_gives_up_waiting_holds_nothing_and_blocks_nobody() -> None:
    room, budget = _room()
    room.take("a", 150 * MB)
    waits = [asyncio.create_task(room.wait(name, 60 * MB)) for name in "bc"]
    await asyncio.sleep(0)
    waits[0].cancel()
    room.free("a")
    await waits[1]
    assert budget.stats().current_bytes == 60 * MB


async def test_what_can_never_fit_is_refused_at_once() -> None:
    room, _ = _room()
    with pytest.raises(ClipferryError) as refusal:
        room.take("a", 201 * MB)
    assert refusal.value.reason is Reason.MEMORY_BUDGET


async def test_orphans_are_freed_for_those_who_wait() -> None:
    room, budget = _room()
    room.take("orphan", 180 * MB)
    waits = asyncio.create_task(room.wait("b", 60 * MB))
    await asyncio.sleep(0)
    assert room.free_orphans({"b"}) == 180 * MB
    await waits
    assert budget.stats().current_bytes == 60 * MB
