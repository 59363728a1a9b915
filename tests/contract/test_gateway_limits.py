"""Limits and quotas that several gateways keep together, whichever engine their store has."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.limits.gcra import Rate
from gateway.limits.memory import MemoryLimiter
from gateway.limits.opening import limiter_for
from gateway.limits.quotas import Quotas
from gateway.limits.shared import SharedLimiter
from gateway.limits.usage import Delivered, Usage, day_of
from gateway.store.database import Database
from gateway.store.opening import open_database
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.clock import FakeClock
from tests.fakes.gateway_stores import GATEWAY_STORES

RATE = Rate("test", per_min=60, burst=5)
NOON_MS = 86_400_000 * 20_000 + 43_200_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON_MS)


@pytest.fixture(params=GATEWAY_STORES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(GATEWAY_STORES[request.param](tmp_path)) as opened:
        yield opened


async def test_two_gateways_admit_together_what_one_may(database: Database, clock: FakeClock) -> None:
    """All at once, and step by step as time goes on, exactly as one process would."""
    pair, alone = [SharedLimiter(database, clock) for _ in range(2)], MemoryLimiter(clock)

    at_once = await asyncio.gather(*(pair[number % 2].take("ann", RATE) for number in range(20)))
    assert sum(said.is_admitted for said in at_once) == 5
    for _ in range(5):
        await alone.take("ann", RATE)
    for step in range(30):
        clock.advance(0.4)
        assert await pair[step % 2].take("ann", RATE) == await alone.take("ann", RATE)
    assert (await pair[0].take("bob", RATE)).is_admitted


async def test_a_limit_is_kept_while_the_store_is_away(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By each gateway alone, from what it knew; nobody is refused only because of it."""
    limiter = SharedLimiter(database, clock)
    for _ in range(3):
        await limiter.take("ann", RATE)

    async def away(_sql: str, *_arguments: object) -> None:
        raise ClipferryError(Reason.STORE_UNAVAILABLE)

    with capture_logs() as lines:
        with monkeypatch.context() as outage:
            outage.setattr(database, "run", away)
            assert [(await limiter.take("ann", RATE)).is_admitted for _ in range(3)] == [True, True, False]
        for _ in range(2):
            await limiter.take("bob", RATE)
    assert [line["action"] for line in lines] == ["limits_alone", "limits_together"]


def test_one_gateway_on_sqlite_counts_in_memory(database: Database, clock: FakeClock) -> None:
    assert isinstance(limiter_for("sqlite:///x", database, clock), MemoryLimiter)
    assert isinstance(limiter_for("postgresql://x/y", database, clock), SharedLimiter)


async def test_the_last_place_of_a_day_goes_to_one(database: Database, clock: FakeClock) -> None:
    """Of many at once, at any gateway; what came to nothing is given back; at midnight it starts anew."""
    quotas = [Quotas(Usage(database), clock, jobs=3, size_bytes=0) for _ in range(2)]

    async def one(number: int, *, is_used: bool = True) -> str:
        try:
            async with quotas[number % 2].one_more("ann", {}) as place:
                place.is_used = is_used
        except ClipferryError as error:
            return f"{error.message} {error.retry_after_s} {error.metadata}"
        return ""

    for number in range(4):
        assert await one(number, is_used=False) == ""
    with pytest.raises(ZeroDivisionError):
        async with quotas[0].one_more("ann", {}):
            raise ZeroDivisionError
    refused = sorted(await asyncio.gather(*(one(number) for number in range(8))))
    assert refused[:3] == [""] * 3
    assert (
        refused[3:]
        == [
            "3 jobs are used of the 3 that 'ann' has a day; the day ends at 00:00 UTC, in 12.0 hours."
            " 43200.0 {'used_jobs': '3', 'limit_jobs': '3'}"
        ]
        * 5
    )
    async with quotas[0].one_more("bob", {}):
        pass
    clock.advance(12 * 3600)
    assert await one(0) == ""


async def test_delivered_bytes_count_once_whoever_tells_of_them(database: Database, clock: FakeClock) -> None:
    """Two gateways read the same log, one of them late; a job of yesterday is yesterday's."""
    usage, day = Usage(database), day_of(clock.time_ms())
    log = [Delivered(7, "ann", day, 600), Delivered(9, "ann", day, 500), Delivered(12, "ann", day - 1, 10_000)]

    async def in_two_parts() -> None:
        # A gateway tells of the log in its order, from the cursor that it found.
        await usage.add(log[:1], 7)
        await usage.add(log[1:], 12)

    assert await usage.cursor() is None
    await asyncio.gather(usage.add(log, 12), in_two_parts())
    await usage.add(log, 8)

    assert await usage.cursor() == 12
    assert (await usage.take("ann", day, jobs=9, size_bytes=1_101)).size_bytes == 1_100
    quotas = Quotas(usage, clock, jobs=0, size_bytes=1_000)
    with pytest.raises(ClipferryError, match="1100 bytes have arrived and are used of the 1000 that 'ann'"):
        async with quotas.one_more("ann", {}):
            pass
    await usage.start_over()
    assert await usage.cursor() is None


async def test_old_days_are_forgotten(database: Database, clock: FakeClock) -> None:
    quotas = Quotas(Usage(database), clock, jobs=3, size_bytes=0)
    for _ in range(4):
        async with quotas.one_more("ann", {}):
            pass
        clock.advance(86_400)

    assert await database.run("SELECT COUNT(*) FROM usage") == [(2,)]
