"""Memory is given out in order; who waits to begin holds none, and who waits to grow never blocks the oldest."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.memory import MemoryBudget
from services.processor.core.room import EvictedError, Room

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


async def test_who_grows_keeps_what_it_holds_and_goes_before_newcomers() -> None:
    """A download that was estimated too small waits where it is; nobody new comes in meanwhile."""
    room, budget = _room()
    assert room.take("old", 100 * MB)
    assert room.take("grows", 80 * MB)
    assert not room.grow("grows", 110 * MB)
    waits = asyncio.create_task(room.wait_to_grow("grows", 110 * MB))
    await asyncio.sleep(0)
    assert room.waiting_count == 1
    assert not room.take("new", MB)
    begins = asyncio.create_task(room.wait("new", MB))
    await asyncio.sleep(0)
    room.correct("old", 99 * MB)  # room for the newcomer, but not for who grows
    await asyncio.sleep(0)
    assert not begins.done()
    assert budget.stats().current_bytes == 179 * MB
    room.free("old")
    await waits
    await begins
    assert budget.stats().current_bytes == 111 * MB


async def test_when_all_wait_to_grow_the_oldest_goes_on_and_the_youngest_starts_again() -> None:
    room, budget = _room()
    for name in ("oldest", "middle", "youngest"):
        assert room.take(name, 60 * MB)
    waits = {}
    for name in ("middle", "youngest", "oldest"):
        assert not room.grow(name, 120 * MB)
        waits[name] = asyncio.create_task(room.wait_to_grow(name, 120 * MB))
        await asyncio.sleep(0)

    await waits["oldest"]
    with pytest.raises(EvictedError) as evicted:
        await waits["youngest"]
    assert evicted.value.wanted_bytes == 120 * MB
    assert not waits["middle"].done()
    assert budget.stats().current_bytes == 180 * MB

    again = asyncio.create_task(room.wait("youngest", 80 * MB, was_evicted=True))
    await asyncio.sleep(0)
    room.free("oldest")
    await waits["middle"]
    assert not again.done()
    room.free("middle")
    await again


async def test_who_gives_up_growing_lets_the_next_one_grow() -> None:
    room, budget = _room()
    for name in "abc":
        assert room.take(name, 60 * MB)
    waits = {}
    for name, wanted in (("a", 130 * MB), ("b", 80 * MB)):
        assert not room.grow(name, wanted)
        waits[name] = asyncio.create_task(room.wait_to_grow(name, wanted))
        await asyncio.sleep(0)
    waits["a"].cancel()
    await waits["b"]
    assert budget.stats().current_bytes == 200 * MB


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 30)), min_size=1, max_size=40), st.integers(0, 10_000)
)
async def test_however_runs_grow_all_come_to_their_end(steps: list[tuple[str, int]], seed: int) -> None:
    """Whatever they want and when: nobody waits for ever, none is refused, and the sum never passes the limit."""
    order = random.Random(seed)
    budget = MemoryBudget(max_bytes=100, max_per_video_bytes=100)
    room = Room(budget, total_bytes=100, on_change=lambda: None)
    wishes: dict[str, list[int]] = {}
    for name, more in steps:
        wishes.setdefault(name, []).append(more)

    async def run(name: str) -> None:
        least = wishes[name][0]
        while True:
            if not room.take(name, least):
                await room.wait(name, least)
            try:
                await grow(name, least)
            except EvictedError as evicted:
                least = evicted.wanted_bytes
            else:
                room.free(name)
                return

    async def grow(name: str, held: int) -> None:
        for more in wishes[name][1:]:
            for _ in range(order.randrange(3)):
                await asyncio.sleep(0)
            held = min(held + more, 100)
            if not room.grow(name, held):
                await room.wait_to_grow(name, held)
            assert budget.stats().current_bytes <= 100

    async with asyncio.timeout(60):
        await asyncio.gather(*(run(name) for name in wishes))
    assert budget.stats().current_bytes == 0
    assert room.waiting_count == 0
