"""The stretches of time that are simulated."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.bench.disk import on_disk
from tests.simulation.demand import USERS_COUNT, Crowd, slot_s, user
from tests.simulation.gateways import GatewayEnd, connected, watching
from tests.simulation.grpc_costs import Wire
from tests.simulation.outcome import Fairness, Outcome, Scenario, jain, quantiles
from tests.simulation.plant import SPAWN_DELAY_S, Disk, sqlite_url
from tests.simulation.processor import SLOTS
from tests.simulation.virtual_time import VirtualLoop
from tests.simulation.world import Told, World, world_in

T = TypeVar("T")

_FLOOD_COUNT = 600
_FLOODED_PROCESSORS = 10
_RIVALS_COUNT = 20
_QUIET_LOAD = 0.5
LIMITED_COUNT = 3
"""Jobs of one owner that run at once, where that is limited."""
_REPORT_EVERY_S = 0.1


def run_virtually(work: Coroutine[Any, Any, T], *, counts_cpu: bool = True) -> T:
    """Run `work` in a loop of virtual time, and return what it returns."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(counts_cpu=counts_cpu)) as runner:
        return runner.run(work)


def most_per_s(processors: int) -> float:
    """Return how many jobs a second keep that many processors busy."""
    return processors * min(SLOTS / slot_s(), 1 / SPAWN_DELAY_S)


async def simulate(scenario: Scenario, disk: Disk, wire: Wire, *, users: int = USERS_COUNT) -> Outcome:
    """Let one stretch of time go by, and count."""
    random.seed(scenario.seed)  # the queue's own pauses are drawn too
    draw = random.Random(scenario.seed)
    crowd = Crowd(users, draw)
    audiences = connected(scenario.gateways, random.Random(scenario.seed + 1), user_count=users)
    with on_disk() as (folder, _):
        opening = world_in(
            sqlite_url(folder),
            disk=disk,
            wire=wire,
            processor_count=scenario.processors,
            gateway_count=scenario.gateways,
            turns_per_s=scenario.turns_per_s,
            report_every_s=scenario.report_every_s,
            seed=scenario.seed,
        )
        async with opening as world, watching(world.plant, audiences) as ends:
            from_s = world.now_s
            per_s = most_per_s(scenario.processors) * scenario.load
            with world.plant.loop.aside():
                _submit_evenly(
                    world, crowd, draw, per_s=per_s, from_s=from_s, for_s=scenario.warm_s + scenario.counted_s
                )
            await world.run_until(from_s + scenario.warm_s)
            before = _Meters.read(world, ends)
            await world.run_until(before.now_s + scenario.counted_s)
            return _outcome(scenario, world, ends, before, _Meters.read(world, ends))


class _Meters(NamedTuple):
    """Everything that only rises, at one moment, and the runs under way."""

    now_s: float
    busy_s: float
    changes: int
    commits: int
    reports: int
    submitted: int
    completed: int
    running: int
    heard: Sequence[tuple[int, int]]

    @classmethod
    def read(cls, world: World, ends: Sequence[GatewayEnd]) -> "_Meters":
        plant, told = world.plant, world.told
        return cls(
            world.now_s,
            plant.loop.busy_s,
            plant.change_count,
            plant.commit_count,
            plant.report_count,
            told.submitted_count,
            told.served.total(),
            told.run_count - told.ended_count,
            [(end.event_count, end.progress_count) for end in ends],
        )


def _outcome(scenario: Scenario, world: World, ends: Sequence[GatewayEnd], before: _Meters, after: _Meters) -> Outcome:
    over_s = after.now_s - before.now_s
    heard = [(now[0] - then[0], now[1] - then[1]) for then, now in zip(before.heard, after.heard, strict=True)]
    most = max(heard, key=sum)
    changes_per_s = (after.changes - before.changes) / over_s
    commits_per_s = (after.commits - before.commits) / over_s
    return Outcome(
        scenario,
        jobs_per_s=(after.submitted - before.submitted) / over_s,
        completed_per_s=(after.completed - before.completed) / over_s,
        wait_s=quantiles(_waits(world, since_s=before.now_s)),
        changes_per_s=changes_per_s,
        commits_per_s=commits_per_s,
        rows_per_s=2 * changes_per_s + commits_per_s,
        running=(before.running + after.running) / 2,
        events_per_gateway_s=most[0] / over_s,
        progress_per_gateway_s=most[1] / over_s,
        reports_per_s=(after.reports - before.reports) / over_s,
        foreign_count=sum(end.foreign_count for end in ends),
        busy=(after.busy_s - before.busy_s) / over_s,
    )


def _waits(world: World, *, since_s: float) -> list[float]:
    """Return the waits of jobs submitted since, those that still wait included with what they have waited so far."""
    told = [wait.waited_s for wait in world.told.waits if wait.submitted_s >= since_s]
    return told + [world.now_s - asked_s for _, asked_s in world.waiting() if asked_s >= since_s]


def _submit_evenly(
    world: World, crowd: Crowd, draw: random.Random, *, per_s: float, from_s: float, for_s: float
) -> None:
    after_s = draw.expovariate(per_s)
    while after_s < for_s:
        world.submit_at(from_s + after_s, crowd.next())
        after_s += draw.expovariate(per_s)


async def fairness(
    seed: int, disk: Disk, wire: Wire, *, counted_s: float = 45.0, flood: int = _FLOOD_COUNT
) -> Fairness:
    """Simulate a flood with and without fair turns, and rivals of different eagerness."""
    quiet = await _flooded(seed, disk, wire, counted_s, flood=0)
    fair = await _flooded(seed, disk, wire, counted_s, flood=flood)
    limited = await _flooded(seed, disk, wire, counted_s, flood=flood, most_running_each=LIMITED_COUNT)
    in_order = await _flooded(seed, disk, wire, counted_s, flood=flood, in_order=True)
    owners = [user(number) for number in range(_RIVALS_COUNT)]
    served = [await _rivals(seed, disk, wire, counted_s, owners, in_order=is_in_order) for is_in_order in (False, True)]
    return Fairness(quiet, fair, limited, in_order, *(jain(told.served, owners) for told in served))


async def _flooded(
    seed: int,
    disk: Disk,
    wire: Wire,
    counted_s: float,
    *,
    flood: int,
    in_order: bool = False,
    most_running_each: int = 0,
) -> tuple[float, float, float]:
    draw = random.Random(seed)
    crowd = Crowd(USERS_COUNT, draw)
    with on_disk() as (folder, _):
        async with _few(folder, disk, wire, seed, in_order=in_order, most_running_each=most_running_each) as world:
            from_s = world.now_s
            for _ in range(flood):
                world.submit_at(from_s, "flood")
            per_s = most_per_s(_FLOODED_PROCESSORS) * _QUIET_LOAD
            _submit_evenly(world, crowd, draw, per_s=per_s, from_s=from_s, for_s=counted_s)
            await world.run_until(from_s + counted_s)
            asked = [(owner, waited_s) for owner, _, waited_s in world.told.waits]
            asked += [(owner, world.now_s - asked_s) for owner, asked_s in world.waiting()]
            return quantiles([waited_s for owner, waited_s in asked if owner != "flood"])


async def _rivals(seed: int, disk: Disk, wire: Wire, counted_s: float, owners: list[str], *, in_order: bool) -> Told:
    """Let everybody submit at once, the first 20 times as much as the last, each more than can be served."""
    draw = random.Random(seed)
    with on_disk() as (folder, _):
        async with _few(folder, disk, wire, seed, in_order=in_order) as world:
            from_s = world.now_s
            asked = [owner for rank, owner in enumerate(owners, 1) for _ in range(max(40, 800 // rank))]
            draw.shuffle(asked)
            for owner in asked:
                world.submit_at(from_s, owner)
            await world.run_until(from_s + counted_s)
            return world.told


def _few(
    folder: Path, disk: Disk, wire: Wire, seed: int, *, in_order: bool, most_running_each: int = 0
) -> AbstractAsyncContextManager[World]:
    return world_in(
        sqlite_url(folder),
        disk=disk,
        wire=wire,
        processor_count=_FLOODED_PROCESSORS,
        gateway_count=1,
        turns_per_s=1_000,
        report_every_s=_REPORT_EVERY_S,
        seed=seed,
        in_order=in_order,
        most_running_each=most_running_each,
    )
