"""What gateways at one PostgreSQL tell each other: together they have as many open as one may, and admit as much."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.limits.addresses import AddressLimit
from gateway.limits.exchange import Exchange
from gateway.limits.gcra import Rate
from gateway.limits.memory import MemoryLimiter
from gateway.limits.places import Place, PlaceRule, Places
from gateway.limits.shared import SharedLimiter
from gateway.store.database import Database
from gateway.store.opening import open_database
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.clock import FakeClock
from tests.fakes.postgres import database_for

OLDEST_STAY = PlaceRule("address", limit_count=3, close_code=4029, close_reason="too many")
NEWEST_STAY = PlaceRule("user", limit_count=3, close_code=4409, close_reason="replaced", newest_stay=True)
RATE = Rate("address", per_min=60, burst=10)


class CountedSocket:
    """A socket that can be closed."""

    def __init__(self) -> None:
        self.close_code = 0

    @property
    def is_open(self) -> bool:
        return not self.close_code

    def close(self, code: int, reason: str) -> None:
        assert reason
        self.close_code = code


class Gateway:
    """What one gateway counts."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.clock = clock
        self.addresses = Places(OLDEST_STAY, clock, is_shared=True)
        self.users = Places(NEWEST_STAY, clock, is_shared=True)
        self.requests = AddressLimit(MemoryLimiter(clock), RATE, is_shared=True)
        self.exchange = Exchange(database, clock, [self.addresses, self.users], self.requests)

    def open(self, places: Places, who: str = "ann") -> tuple[Place, CountedSocket]:
        self.clock.advance(0.001)
        socket = CountedSocket()
        place = places.take(who, socket)
        places.make_room(who)
        return place, socket

    def admitted(self, count: int) -> int:
        return sum(self.requests.take("192.0.2.1").is_admitted for _ in range(count))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(database_for(tmp_path)) as opened:
        yield opened


@pytest.fixture
def trio(database: Database, clock: FakeClock) -> list[Gateway]:
    return [Gateway(database, clock) for _ in range(3)]


async def exchange(*gateways: Gateway) -> None:
    """Let everybody hear what everybody has told."""
    for each in (*gateways, *gateways):
        await each.exchange.once()


async def test_of_a_users_connections_the_newest_stay_wherever_they_are(trio: list[Gateway]) -> None:
    one, two, _ = trio
    opened = [one.open(one.users), two.open(two.users), one.open(one.users)]
    other = one.open(one.users, "bob")
    await exchange(*trio)
    opened += [two.open(two.users), two.open(two.users)]
    await exchange(*trio)

    assert [socket.close_code for _, socket in opened] == [4409, 4409, 0, 0, 0]
    assert other[1].is_open


async def test_of_an_addresss_connections_the_oldest_stay_wherever_they_are(trio: list[Gateway]) -> None:
    """Those that came in before anybody knew better go; whoever comes later is not let in."""
    one, two, three = trio
    opened = [one.open(one.addresses), two.open(two.addresses), one.open(one.addresses), two.open(two.addresses)]
    opened.append(one.open(one.addresses))
    assert not three.addresses.is_full("ann")

    await exchange(*trio)

    assert [socket.close_code for _, socket in opened] == [0, 0, 0, 4029, 4029]
    assert all(each.addresses.is_full("ann") for each in trio)
    for place, _ in (opened[0], opened[4]):
        one.addresses.leave(place)
    two.addresses.leave(opened[3][0])
    await exchange(*trio)
    assert not any(each.addresses.is_full("ann") for each in trio)


async def test_one_too_many_goes_although_each_gateway_has_few(trio: list[Gateway]) -> None:
    """Also one at each of three and a second at the last: as few as can be too many together."""
    opened = [each.open(each.addresses) for each in (*trio, trio[2])]

    await exchange(*trio)

    assert [socket.close_code for _, socket in opened] == [0, 0, 0, 4029]


async def test_what_a_dead_gateway_had_open_is_free_again(database: Database, trio: list[Gateway]) -> None:
    """One that was only thought dead tells everything anew, and what it had meanwhile counts."""
    one, two, _ = trio
    opened = [one.open(one.users) for _ in range(3)]
    await exchange(one, two)
    await database.run(
        "UPDATE replicas SET told_at = told_at - make_interval(secs => 11) WHERE id = $1", one.exchange._id
    )
    await exchange(two)
    new = [two.open(two.users) for _ in range(2)]
    await exchange(two)
    assert await database.run("SELECT COUNT(*) FROM replicas") == [(1,)]

    await exchange(one, two)

    assert [socket.close_code for _, socket in opened] == [4409, 4409, 0]
    assert all(socket.is_open for _, socket in new)


async def test_a_gateway_that_stops_takes_nothing_with_it(database: Database, trio: list[Gateway]) -> None:
    one, two, _ = trio
    for _ in range(3):
        one.open(one.addresses)
    await exchange(one, two)
    assert two.addresses.is_full("ann")

    await one.exchange.leave()
    await exchange(two)

    assert not two.addresses.is_full("ann")
    assert await database.run("SELECT COUNT(*) FROM open_connections") == [(0,)]


async def test_what_an_address_took_too_much_of_is_worked_off_at_all(trio: list[Gateway], clock: FakeClock) -> None:
    """A burst at each before they heard of each other; then nobody admits anything until all of it is paid for."""
    one, two, three = trio
    assert [each.admitted(20) for each in (one, two)] == [10, 10]
    await exchange(one, two)
    assert [each.admitted(1) for each in (one, two)] == [0, 0]
    await exchange(one, two)
    clock.advance(10)
    assert [each.admitted(1) for each in (one, two)] == [0, 0]
    clock.advance(1)
    assert one.admitted(2) == 1
    await exchange(one, two)
    assert two.admitted(1) == 0
    assert three.admitted(1) == 1  # it has not been asked before, so it has not heard
    await exchange(three)
    clock.advance(1)
    assert three.admitted(1) == 0


async def test_one_gateway_admits_what_it_would_without_telling(trio: list[Gateway], clock: FakeClock) -> None:
    """However late it tells: what counts is when the requests came."""
    one, alone = trio[0], AddressLimit(MemoryLimiter(clock), RATE)
    for step in range(60):
        for _ in range(step % 5):
            assert one.requests.take("192.0.2.1") == alone.take("192.0.2.1")
        clock.advance(0.7)
        if step % 3 == 0:
            await one.exchange.once()


async def test_rows_of_those_who_are_as_good_as_new_go(
    database: Database, trio: list[Gateway], clock: FakeClock
) -> None:
    limiter = SharedLimiter(database, clock)
    await exchange(*trio)
    await limiter.take("ann", RATE)
    clock.advance(61)
    await limiter.take("bob", RATE)
    await exchange(*trio)

    assert await database.run("SELECT who FROM rate_limits") == [("bob",)]


async def test_while_the_store_is_away_each_counts_by_itself(
    database: Database, trio: list[Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it is back, all is as if it had not been."""
    one, two, _ = trio
    opened = [one.open(one.addresses) for _ in range(3)]
    await exchange(one, two)
    assert two.addresses.is_full("ann")
    with monkeypatch.context() as away:
        away.setattr(database, "transaction", _away)
        for each in (one, two):
            with pytest.raises(ClipferryError):
                await each.exchange.once()
        assert not two.addresses.is_full("ann")
        assert one.addresses.is_full("ann")
        opened.append(two.open(two.addresses))

    await exchange(one, two)

    assert [socket.close_code for _, socket in opened] == [0, 0, 0, 4029]


async def test_all_at_once_do_not_get_into_each_others_way(database: Database, clock: FakeClock) -> None:
    """Ten gateways, the same hundred addresses and users at each, in all orders."""
    gateways = [Gateway(database, clock) for _ in range(10)]
    for number, each in enumerate(gateways):
        for step in range(1, 101):
            name = str((step * (number + 1)) % 101)
            each.requests.take(name)
            each.open(each.users, name)

    async def open_counts() -> set[int]:
        await asyncio.gather(*(each.exchange.once() for each in gateways))
        rows = await database.run("SELECT SUM(open_count) FROM open_connections GROUP BY who")
        return {int(row[0]) for row in rows}

    assert await open_counts() == {10}
    await open_counts()  # what was told is heard by all
    assert await open_counts() == {3}


def _away(**_told: str) -> None:
    raise ClipferryError(Reason.STORE_UNAVAILABLE)
