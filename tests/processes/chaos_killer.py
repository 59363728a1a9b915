"""Kills services at random moments and starts them again at once."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

from tests.fakes.eventually import eventually
from tests.processes.stack import Stack


class Victim(Protocol):
    """What can be killed."""

    @property
    def name(self) -> str:
        """For the report."""

    async def kill(self) -> None:
        """Kill it."""

    async def start(self) -> None:
        """Start it again; it need not answer yet."""

    async def until_up(self) -> None:
        """Wait until it answers."""


SERVICES = ("queue", "processor", "notifier", "gateway")
_UP_WITHIN_S = 120.0


class ServiceVictim:
    """A program of a stack.

    Args:
        targets: Variables that lead a processor through relays.
    """

    def __init__(self, stack: Stack, name: str, targets: Mapping[str, str]) -> None:
        self.name = name
        self._stack = stack
        self._changed = targets if name == "processor" else {}

    async def kill(self) -> None:
        self._stack.kill(self.name)

    async def start(self) -> None:
        self._stack.start(self.name, **self._changed)

    async def until_up(self) -> None:
        async def is_up() -> bool:
            # One that could not start, such as without its database, is started again, as in a cluster.
            if self._stack.has_ended(self.name):
                await self.start()
            return await self._stack.programs[self.name].is_ready()

        await eventually(is_up, within_s=_UP_WITHIN_S, what=f"{self.name} is up")


class Killer:
    """Strikes one victim after another.

    Args:
        chance: Chooses who and when.
        pauses_s: Least and most seconds between two kills.
    """

    def __init__(self, victims: Sequence[Victim], chance: random.Random, pauses_s: tuple[float, float]) -> None:
        self._victims = victims
        self._chance = chance
        self._pauses_s = pauses_s
        self.kill_counts: Counter[str] = Counter()

    @property
    def has_hit_all(self) -> bool:
        """Whether each victim was hit at least once."""
        return len(self.kill_counts) == len(self._victims)

    async def run(self) -> None:
        """Go on until cancelled; a strike that has begun is finished first. In each round everybody is hit once.

        After a round all come up, and are left alone for as long as that took: on a slow machine one or another would
        always be missing, and no job could ever end.
        """
        while True:
            for victim in self._chance.sample(self._victims, len(self._victims)):
                await asyncio.sleep(self._chance.uniform(*self._pauses_s))
                await _to_its_end(self._strike(victim))
            began_at_s = time.monotonic()
            await self.until_all_are_up()
            await asyncio.sleep(time.monotonic() - began_at_s)

    async def until_all_are_up(self) -> None:
        """Wait until every victim answers."""
        for victim in self._victims:
            await victim.until_up()

    async def _strike(self, victim: Victim) -> None:
        await victim.kill()
        await victim.start()
        self.kill_counts[victim.name] += 1


async def _to_its_end(act: Coroutine[Any, Any, None]) -> None:
    """Wait for `act`; being cancelled meanwhile takes effect once it is done."""
    task = asyncio.ensure_future(act)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
