"""A gateway is told only of owners who are connected there, however much the others do."""

import itertools
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from clipferry.queue.v1 import job_pb2, worker_service_pb2
from gateway.auth.caller import Caller
from gateway.auth.scopes import OF_ROLE
from gateway.backends import QueueBackend
from gateway.config import GatewaySettings
from gateway.live.feed import Feed
from gateway.live.hub import Hub
from gateway.live.numbers import Numbers
from gateway.live.places import live_places
from gateway.live.publisher import Publisher
from gateway.live.told import live_terms
from services.chassis.clock import SystemClock
from services.chassis.lifecycle import background
from tests.fakes.eventually import eventually
from tests.fakes.queue_client import QueueClient, WorkCall, queue_at_hand


class Client:
    """A connection of somebody."""

    def __init__(self, user: str, role: str = "user") -> None:
        self.caller = Caller(user, "session", 4_000_000_000, OF_ROLE[role], frozenset())
        self.channels: set[str] = set()
        self.jobs_after = 0
        self.socket = self
        self.is_open, self.was_dropped = True, False

    def resync(self) -> None:
        """Nothing was missed that is looked at here."""


class Listening(Publisher):
    """Remembers of whom the gateway was told."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub, SystemClock())
        self.told: list[tuple[str, str]] = []

    def change(self, job: job_pb2.Job, sequence: int) -> None:
        self.told.append((job.owner, "change"))
        super().change(job, sequence)

    def progress(self, item: job_pb2.JobProgress) -> None:
        self.told.append((item.owner, "progress"))
        super().progress(item)


class Gateway:
    """The part of a gateway that follows the queue."""

    def __init__(self, queue: QueueClient) -> None:
        terms = live_terms(GatewaySettings())
        clock = SystemClock()
        self.hub = Hub(terms, live_places(terms, clock).users)
        self.publisher = Listening(self.hub)
        backend = QueueBackend(queue.link)
        numbers = Numbers(backend, self.hub, self.publisher, clock)
        self.feed = Feed(backend, self.hub, self.publisher, numbers, clock)

    async def follows(self) -> None:
        """Return once the queue has said where its log is."""

        async def is_heard() -> bool:
            return self.feed._has_cursor.is_set()

        await eventually(is_heard, within_s=30)

    async def heard(self, *, of: str, count: int) -> None:
        """Return once so many changes of an owner's job were told."""

        async def changes() -> bool:
            return len([owner for owner, kind in self.publisher.told if (owner, kind) == (of, "change")]) >= count

        await eventually(changes, within_s=30)

    def join(self, client: Any) -> None:
        """Let somebody connect here."""
        self.hub.join(client)


async def live(queue: QueueClient, worker: WorkCall, owner: str, number: int) -> None:
    """Let a job of `owner` go from submit to end, with progress on the way."""
    await queue.submit(f"https://video.test/{owner}/{number}", owner=owner)
    run = await worker.run()
    await worker.beat(run.lease, 40)
    complete = worker_service_pb2.CompleteJobRequest(lease=run.lease, delivery=job_pb2.Delivery(message_id=1))
    await worker.move(number, complete_job=complete)
    await worker.ready()


async def test_a_gateway_hears_of_those_who_are_connected_there_and_of_nobody_else(tmp_path: Path) -> None:
    """Two gateways, an owner at each and a third at none; then an admin, who makes one follow everybody."""
    async with queue_at_hand(tmp_path) as queue, queue.worker(slots=1) as worker, AsyncExitStack() as stack:
        ann, bob = [Gateway(queue) for _ in range(2)]
        for gateway, owner in ((ann, "ann"), (bob, "bob")):
            stack.enter_context(closing(gateway.publisher))
            gateway.join(Client(owner))
            await stack.enter_async_context(background(gateway.feed.run(), name=f"feed of {owner}"))
            await gateway.follows()
        await worker.ready()
        for number, owner in enumerate(("absent", "bob", "absent", "ann"), 1):
            await live(queue, worker, owner, number)
        await ann.heard(of="ann", count=3)
        await bob.heard(of="bob", count=3)

        assert {owner for owner, _ in ann.publisher.told} == {"ann"}
        assert {owner for owner, _ in bob.publisher.told} == {"bob"}

        bob.join(Client("root", "admin"))
        numbers = itertools.count(10)

        async def is_told_of_all() -> bool:
            await live(queue, worker, "absent", next(numbers))
            return "absent" in {owner for owner, _ in bob.publisher.told}

        await eventually(is_told_of_all, within_s=30)
        assert {owner for owner, _ in ann.publisher.told} == {"ann"}
