"""Kills services at random moments and starts them again at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

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


SERVICES = ("queue", "processor", "notifier", "gateway")


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
        """Go on until cancelled; a strike that has begun is finished first. In each round everybody is hit once."""
        while True:
            for victim in self._chance.sample(self._victims, len(self._victims)):
                await asyncio.sleep(self._chance.uniform(*self._pauses_s))
                await _to_its_end(self._strike(victim))

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
