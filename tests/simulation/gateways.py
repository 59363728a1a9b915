"""Gateways as the queue knows them: a watch each, of the owners who are connected there."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from clipferry.queue.v1 import queue_service_pb2
from services.chassis.lifecycle import background
from tests.simulation.demand import LOOKING_SHARE, USERS_COUNT, user
from tests.simulation.plant import Plant

OPENED_S = 0.01
"""Until a watch has been told what it missed."""


class GatewayEnd:
    """The other end of a watch: counts what arrives there."""

    def __init__(self, plant: Plant, owners: Collection[str] | None) -> None:
        self._plant = plant
        self.owners = owners
        self.event_count = self.progress_count = self.foreign_count = self.bytes_count = 0

    async def write(self, response: queue_service_pb2.WatchJobsResponse) -> None:
        """Take in a message, as a call of gRPC would."""
        self.bytes_count += len(response.SerializeToString())
        self._plant.count_message()
        with self._plant.loop.aside():
            self._count(response)

    def _count(self, response: queue_service_pb2.WatchJobsResponse) -> None:
        for item in response.items:
            kind = item.WhichOneof("kind")
            if kind in ("event", "progress"):
                owner = item.event.job.owner if kind == "event" else item.progress.owner
                self.foreign_count += self.owners is not None and owner not in self.owners
                self.event_count += kind == "event"
                self.progress_count += kind == "progress"


def connected(gateway_count: int, draw: random.Random, *, user_count: int = USERS_COUNT) -> Sequence[frozenset[str]]:
    """Return who is connected to each gateway."""
    owners: list[set[str]] = [set() for _ in range(gateway_count)]
    for number in range(user_count):
        if draw.random() < LOOKING_SHARE:
            owners[draw.randrange(gateway_count)].add(user(number))
    return [frozenset(names) for names in owners]


@asynccontextmanager
async def watching(plant: Plant, audiences: Sequence[Collection[str] | None]) -> AsyncIterator[Sequence[GatewayEnd]]:
    """Open a watch for each gateway for the length of the block. None: it follows everybody."""
    async with AsyncExitStack() as stack:
        ends = [GatewayEnd(plant, owners) for owners in audiences]
        for end in ends:
            call = plant.watches.serve(_requests(end.owners), cast("Any", end))
            await stack.enter_async_context(background(call, name="watch"))
        await asyncio.sleep(OPENED_S)
        yield ends


async def _requests(owners: Collection[str] | None) -> AsyncIterator[queue_service_pb2.WatchJobsRequest]:
    wanted = None if owners is None else queue_service_pb2.OwnerFilter(owners=sorted(owners))
    yield queue_service_pb2.WatchJobsRequest(include_progress=True, include_stats=True, owners=wanted)
    await asyncio.Event().wait()
