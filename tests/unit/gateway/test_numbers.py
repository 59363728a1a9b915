"""When a user's own numbers are looked at and told."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2
from gateway.auth.caller import Caller
from gateway.auth.scopes import OF_ROLE
from gateway.config import GatewaySettings
from gateway.live.hub import MEMORY, QUEUE, Hub
from gateway.live.numbers import Numbers
from gateway.live.places import live_places
from gateway.live.publisher import Publisher
from gateway.live.told import live_terms
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import background
from tests.fakes.clock import FakeClock, let_others_run
from tests.fakes.eventually import eventually


class CountingQueue:
    """Says how often it was asked, as if that were the user's waiting jobs."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False

    async def stats(self, owner: str, *, timeout_s: float) -> job_pb2.Stats:
        assert timeout_s > 0
        self.asked.append(owner)
        if self.is_away:
            raise ClipferryError(Reason.UNAVAILABLE)
        return job_pb2.Stats(jobs_by_state={"QUEUED": len(self.asked)})


class HearingSocket:
    """A socket that takes everything."""

    is_open = True
    was_dropped = False
    bundle = None

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def push(self, frame: bytes, _key: object = None) -> None:
        self.heard.append(json.loads(frame[frame.index(b"{") :]))


class Listener:
    """A client that hears numbers."""

    jobs_after = 0

    def __init__(self, user: str, role: str = "user") -> None:
        self.caller = Caller(user, "session", 4_000_000_000, OF_ROLE[role], frozenset())
        self.channels: set[str] = set()
        self.socket = HearingSocket()

    def told(self, kind: str) -> list[Any]:
        return [message["queued"] for message in self.socket.heard if message["type"] == kind]


class World:
    """Numbers, and clients who come to hear them."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        terms = live_terms(GatewaySettings())
        self.hub = Hub(terms, live_places(terms, self.clock).users)
        self.queue = CountingQueue()
        queue: Any = self.queue
        self.numbers = Numbers(queue, self.hub, Publisher(self.hub, self.clock), self.clock, **options)

    def join(self, user: str, *channels: str, role: str = "user") -> Any:
        """Let a client come and listen."""
        listener: Any = Listener(user, role)
        self.hub.join(listener)
        for channel in channels:
            with self.numbers.joining(listener.caller.counted):
                self.hub.subscribe(listener, channel)
        return listener


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with background(made.numbers.run(), name="numbers"):
        yield made


async def test_many_changes_are_one_look_a_second(world: World) -> None:
    ann, other = world.join("ann", QUEUE, MEMORY), world.join("ann", QUEUE)
    for _ in range(100):
        world.numbers.changed("ann")
    await let_others_run()
    assert world.queue.asked == ["ann"]
    for _ in range(100):
        world.numbers.changed("ann")
    await let_others_run()
    assert world.queue.asked == ["ann"]

    world.clock.advance(1)

    await let_others_run()
    assert world.queue.asked == ["ann", "ann"]
    assert ann.told("queue:stats") == other.told("queue:stats") == [1, 2]
    assert [message["type"] for message in ann.socket.heard].count("memory:stats") == 2


async def test_nobody_is_looked_at_who_does_not_listen(world: World) -> None:
    ann, admin = world.join("ann", QUEUE), world.join("admin", QUEUE, role="admin")
    world.join("bob")
    for owner in ("bob", "carol", "admin"):
        world.numbers.changed(owner)
    world.numbers.changed("ann")
    await let_others_run()
    assert world.queue.asked == ["ann"]
    world.numbers.whole(job_pb2.Stats(jobs_by_state={"QUEUED": 70}))
    assert (ann.told("queue:stats"), admin.told("queue:stats")) == ([1], [70])

    world.hub.unsubscribe(ann, QUEUE)
    world.clock.advance(1)
    world.numbers.changed("ann")
    await let_others_run()
    assert world.queue.asked == ["ann"]
    world.join("ann", QUEUE)
    world.numbers.changed("ann")
    await let_others_run()
    assert world.queue.asked == ["ann", "ann"]


async def test_what_changes_while_somebody_joins_is_told(world: World) -> None:
    """It may have been told before the newcomer listened, and not be in what the newcomer was shown."""
    ann = world.join("ann")
    with world.numbers.joining("ann"):
        world.numbers.changed("ann")
        await let_others_run()
        assert world.queue.asked == ["ann"]
        world.hub.subscribe(ann, QUEUE)
    assert ann.told("queue:stats") == []

    world.clock.advance(1)

    await let_others_run()
    assert ann.told("queue:stats") == [2]


async def test_a_queue_that_is_away_is_asked_again(world: World) -> None:
    ann = world.join("ann", QUEUE)
    world.queue.is_away = True
    world.numbers.changed("ann")
    await let_others_run()
    assert world.queue.asked == ["ann"]
    world.queue.is_away = False

    world.clock.advance(2)

    await let_others_run()
    assert world.queue.asked == ["ann", "ann"]
    assert ann.told("queue:stats") == [2]


async def test_numbers_come_by_the_clock_where_nothing_happens() -> None:
    world = World(longest_pause_s=0.01)
    async with background(world.numbers.run(), name="numbers"):
        ann = world.join("ann", QUEUE)

        async def told_three() -> bool:
            world.clock.advance(1)
            return len(ann.told("queue:stats")) >= 3

        await eventually(told_three, what="three tellings")
