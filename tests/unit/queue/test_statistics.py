"""How long the oldest job has waited: told although looking is slow, and right soon after it has become another."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from services.chassis.clock import Clock, SystemClock
from services.chassis.lifecycle import background
from services.queue.core.fleet import Fleet
from services.queue.core.job import State
from services.queue.core.ports import JobStore, Totals
from services.queue.core.roll import Alone, Rollcall
from services.queue.core.statistics import Statistics, Stats
from tests.fakes.clock import FakeClock

_AGES_S = (3_600, 60)


class SlowStore:
    """Two jobs wait, of which one has been taken meanwhile, when it is looked again.

    Args:
        clock: By which they were accepted.
        stand_still: What a look for the oldest waits for.
    """

    def __init__(self, clock: Clock, stand_still: Callable[[], Awaitable[None]]) -> None:
        self._accepted_ms = [clock.time_ms() - age_s * 1000 for age_s in _AGES_S]
        self._stand_still = stand_still
        self.look_count = 0
        self.is_empty = False

    async def totals(self) -> Totals:
        return Totals({} if self.is_empty else {State.QUEUED: 2 - min(self.look_count, 1)}, ended_count=0)

    async def oldest_waiting_ms(self) -> int | None:
        await self._stand_still()
        self.look_count += 1
        return self._accepted_ms[min(self.look_count, 2) - 1]


def statistics_of(store: SlowStore, clock: Clock) -> Statistics:
    roll = Rollcall(Fleet(clock, spawn_delay_s=0), Alone())
    return Statistics(cast("JobStore", store), roll, clock, max_queue_size=50)


def on_a_slow_machine() -> tuple[FakeClock, SlowStore, Statistics]:
    """Return statistics for which each look for the oldest takes half a minute, and what they look at."""
    clock = FakeClock()

    async def stand_still() -> None:
        clock.advance(30)

    store = SlowStore(clock, stand_still)
    return clock, store, statistics_of(store, clock)


def age_of(stats: Stats) -> int:
    assert stats.oldest_waiting_age_s is not None
    return round(stats.oldest_waiting_age_s)


async def test_a_machine_that_stood_still_leaves_no_old_age_for_long() -> None:
    """Looks are few where each takes long; but after five seconds there is another, however long the last one took."""
    clock, store, statistics = on_a_slow_machine()
    first = age_of(await statistics.read())
    clock.advance(4.9)
    same = age_of(await statistics.read())
    looks = store.look_count
    clock.advance(0.1)
    after = age_of(await statistics.read())

    assert (first, same, looks) == (3_630, 3_635, 1)
    assert (after, store.look_count) == (125, 2)


async def test_a_job_that_comes_to_an_empty_queue_has_no_age_of_another() -> None:
    _, store, statistics = on_a_slow_machine()
    await statistics.read()
    store.is_empty = True
    nobody = (await statistics.read()).oldest_waiting_age_s
    store.is_empty = False
    after = age_of(await statistics.read())

    assert (nobody, after) == (None, 120)


async def test_an_old_age_is_told_anew_although_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.queue.core.statistics._LONGEST_REST_S", 0.5)
    clock = SystemClock()

    async def stand_still() -> None:
        await asyncio.sleep(0.05)

    statistics = statistics_of(SlowStore(clock, stand_still), clock)
    told: asyncio.Queue[Stats] = asyncio.Queue()
    pushing: Any = statistics.push_forever(told.put_nowait, interval_s=600)
    statistics.wake()
    async with background(pushing, name="push"), asyncio.timeout(20):
        first = age_of(await told.get())
        statistics.wake()  # the first job was taken: that may be told with the look before
        while age_of(await told.get()) >= _AGES_S[0]:
            pass

    assert first >= _AGES_S[0]
