"""The stretches of time that are simulated."""

import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.simulation.demand import USERS_COUNT, Crowd, slot_s, user
from tests.simulation.gateways import GatewayEnd, connected, watching
from tests.simulation.outcome import Fairness, Outcome, Scenario, jain, quantiles
from tests.simulation.plant import SPAWN_DELAY_S, sqlite_url
from tests.simulation.processor import SLOTS
from tests.simulation.world import REPORTS_LEFT_OUT, Told, World, world_in

_MEMORY = Path("/dev/shm")
"""Time stands still while a commit is made, so that of the disk would only be waited for: `costs` measures it."""
_FLOOD_COUNT = 600
_FLOODED_PROCESSORS = 10
_RIVALS_COUNT = 20
_QUIET_LOAD = 0.5


def most_per_s(processors: int) -> float:
    """Return how many jobs a second keep that many processors busy."""
    return processors * min(SLOTS / slot_s(), 1 / SPAWN_DELAY_S)


async def simulate(scenario: Scenario, *, users: int = USERS_COUNT) -> Outcome:
    """Let one stretch of time go by, and count."""
    draw = random.Random(scenario.seed)
    crowd = Crowd(users, draw)
    audiences = connected(scenario.gateways, random.Random(scenario.seed + 1), user_count=users)
    async with (
        _world(scenario.processors, scenario.turns_per_s, scenario.seed) as world,
        watching(world.plant, audiences) as ends,
    ):
        end_s = scenario.warm_s + scenario.counted_s
        _submit_evenly(world, crowd, draw, per_s=most_per_s(scenario.processors) * scenario.load, until_s=end_s)
        await world.run_until(scenario.warm_s)
        before = _Meters.read(world, ends)
        await world.run_until(end_s)
        return _outcome(scenario, world, ends, before, _Meters.read(world, ends))


class _Meters(NamedTuple):
    """Everything that only rises, at one moment, and the runs under way."""

    changes: int
    commits: int
    calls: int
    reports: int
    submitted: int
    completed: int
    cpu_s: float
    running: int
    heard: Sequence[tuple[int, int]]

    @classmethod
    def read(cls, world: World, ends: Sequence[GatewayEnd]) -> "_Meters":
        plant, told = world.plant, world.told
        return cls(
            plant.change_count,
            plant.commit_count,
            plant.store.call_count,
            plant.report_count,
            told.submitted_count,
            told.served.total(),
            plant.cpu_s,
            told.run_count - told.ended_count,
            [(end.event_count, end.progress_count) for end in ends],
        )


def _outcome(scenario: Scenario, world: World, ends: Sequence[GatewayEnd], before: _Meters, after: _Meters) -> Outcome:
    over_s = scenario.counted_s
    heard = [(now[0] - then[0], now[1] - then[1]) for then, now in zip(before.heard, after.heard, strict=True)]
    most = max(heard, key=sum)
    changes_per_s = (after.changes - before.changes) / over_s
    commits_per_s = (after.commits - before.commits) / over_s
    return Outcome(
        scenario,
        jobs_per_s=(after.submitted - before.submitted) / over_s,
        completed_per_s=(after.completed - before.completed) / over_s,
        wait_s=quantiles(_waits(world, since_s=scenario.warm_s)),
        changes_per_s=changes_per_s,
        commits_per_s=commits_per_s,
        calls_per_s=(after.calls - before.calls) / over_s,
        rows_per_s=2 * changes_per_s + commits_per_s,
        running=(before.running + after.running) / 2,
        events_per_gateway_s=most[0] / over_s,
        progress_per_gateway_s=most[1] * REPORTS_LEFT_OUT / over_s,
        reports_per_s=(after.reports - before.reports) * REPORTS_LEFT_OUT / over_s,
        foreign_count=sum(end.foreign_count for end in ends),
        queue_cpu=(after.cpu_s - before.cpu_s) / over_s,
    )


def _waits(world: World, *, since_s: float) -> list[float]:
    """Return the waits of jobs submitted since, those that still wait included with what they have waited so far."""
    told = [wait.waited_s for wait in world.told.waits if wait.submitted_s >= since_s]
    return told + [world.now_s - asked_s for _, asked_s in world.waiting() if asked_s >= since_s]


def _submit_evenly(world: World, crowd: Crowd, draw: random.Random, *, per_s: float, until_s: float) -> None:
    when_s = draw.expovariate(per_s)
    while when_s < until_s:
        world.submit_at(when_s, crowd.next())
        when_s += draw.expovariate(per_s)


async def fairness(seed: int, *, counted_s: float = 45.0, flood: int = _FLOOD_COUNT) -> Fairness:
    """Simulate a flood with and without fair turns, and rivals of different eagerness."""
    quiet = await _flooded(seed, counted_s, flood=0)
    fair = await _flooded(seed, counted_s, flood=flood)
    in_order = await _flooded(seed, counted_s, flood=flood, in_order=True)
    owners = [user(number) for number in range(_RIVALS_COUNT)]
    served = [await _rivals(seed, counted_s, owners, in_order=is_in_order) for is_in_order in (False, True)]
    return Fairness(quiet, fair, in_order, *(jain(told.served, owners) for told in served))


async def _flooded(seed: int, counted_s: float, *, flood: int, in_order: bool = False) -> tuple[float, float, float]:
    draw = random.Random(seed)
    crowd = Crowd(USERS_COUNT, draw)
    async with _world(_FLOODED_PROCESSORS, 1_000, seed, in_order=in_order) as world:
        for _ in range(flood):
            world.submit_at(0.0, "flood")
        per_s = most_per_s(_FLOODED_PROCESSORS) * _QUIET_LOAD
        _submit_evenly(world, crowd, draw, per_s=per_s, until_s=counted_s)
        await world.run_until(counted_s)
        asked = [(owner, waited_s) for owner, _, waited_s in world.told.waits]
        asked += [(owner, world.now_s - asked_s) for owner, asked_s in world.waiting()]
        return quantiles([waited_s for owner, waited_s in asked if owner != "flood"])


async def _rivals(seed: int, counted_s: float, owners: list[str], *, in_order: bool) -> Told:
    """Let everybody submit at once, the first 20 times as much as the last, each more than can be served."""
    draw = random.Random(seed)
    async with _world(_FLOODED_PROCESSORS, 1_000, seed, in_order=in_order) as world:
        asked = [owner for rank, owner in enumerate(owners, 1) for _ in range(max(40, 800 // rank))]
        draw.shuffle(asked)
        for owner in asked:
            world.submit_at(0.0, owner)
        await world.run_until(counted_s)
        return world.told


@asynccontextmanager
async def _world(processors: int, turns_per_s: float, seed: int, *, in_order: bool = False) -> AsyncIterator[World]:
    with _folder() as folder:
        async with world_in(
            sqlite_url(folder), processor_count=processors, turns_per_s=turns_per_s, seed=seed, in_order=in_order
        ) as world:
            yield world


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        yield Path(name)
