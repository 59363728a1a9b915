"""What a benchmark finds."""

import math
import re
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

_ROW = re.compile(r"([A-Z]\d): ")
_GOAL = re.compile(r"([≥≤]) ([\d.]+)")
NO_GOAL = "–"

FoundT = TypeVar("FoundT")


class Compared(StrEnum):
    """What the goal is about, and what is shown as the ratio."""

    OURS = "ours"
    """No ratio: the peer is shown beside it, if there is one."""
    OURS_BY_PEER = "ours ÷ peer"
    PEER_BY_OURS = "peer ÷ ours"
    """Of costs: above 1 means that ours costs less."""


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        name: ``F1: what was measured, unit``: the row of docs/goals.md first.
        ours: Every run of ours.
        goal: ``≥ 1.3`` or ``≤ 20``, in the unit of what is compared; ``–`` where the line only explains another.
        peer: Every run of the peer, in the same order.
        peer_name: What the peer is and how it was set up.
        compared: What the goal is about.
        missing: Why the peer that belongs here is not on this machine, or nothing.
    """

    name: str
    ours: Sequence[float]
    goal: str = NO_GOAL
    peer: Sequence[float] = ()
    peer_name: str = ""
    compared: Compared = field(default=Compared.OURS_BY_PEER)
    missing: str = ""

    def __post_init__(self) -> None:
        assert self.ours, f"{self.name}: nothing was measured"
        assert not self.peer or len(self.peer) == len(self.ours), f"{self.name}: the peer had other runs"
        assert not (self.peer and self.missing), f"{self.name}: the peer is here and missing"
        needs_peer = self.compared is Compared.PEER_BY_OURS
        assert self.peer or self.missing or not needs_peer, f"{self.name}: nobody said why there is no peer"
        assert self.goal == NO_GOAL or _GOAL.fullmatch(self.goal), f"{self.name}: what is {self.goal!r}?"

    @property
    def row(self) -> str:
        """The row of docs/goals.md that it belongs to, or nothing."""
        found = _ROW.match(self.name)
        return found[1] if found else ""

    @property
    def ratios(self) -> Sequence[float]:
        """Of each run, ours and the peer's beside it; empty where nothing is divided."""
        if self.compared is Compared.OURS or not self.peer:
            return ()
        pairs = zip(self.ours, self.peer, strict=True)
        if self.compared is Compared.PEER_BY_OURS:
            return [peer / ours for ours, peer in pairs]
        return [ours / peer for ours, peer in pairs]

    @property
    def divided(self) -> str:
        """What the ratio is of, in words, or nothing."""
        peer = self.peer_name.partition(":")[0]
        return self.compared.replace("peer", peer) if self.ratios else ""

    @property
    def values(self) -> Sequence[float]:
        """What the goal is about, of each run."""
        return self.ratios or self.ours

    @property
    def bound(self) -> float:
        """The goal's number."""
        found = _GOAL.fullmatch(self.goal)
        return float(found[2]) if found else math.nan

    @property
    def is_more_better(self) -> bool:
        """Whether the goal is a least value."""
        return self.goal.startswith("≥")

    @property
    def is_met(self) -> bool | None:
        """Whether the median reaches the goal; None without one, and without the peer that it needs."""
        if self.goal == NO_GOAL or (self.missing and self.compared is not Compared.OURS):
            return None
        median = statistics.median(self.values)
        return median >= self.bound if self.is_more_better else median <= self.bound


def spread(runs: Sequence[float]) -> str:
    """Return ``median (minimum–maximum)``."""
    if not runs:
        return NO_GOAL
    if len(runs) == 1:
        return shown(runs[0])
    return f"{shown(statistics.median(runs))} ({shown(min(runs))}–{shown(max(runs))})"


def shown(value: float) -> str:
    """Return three digits of a number, or all of a large one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(waits: Sequence[float], percent: float) -> float:
    """Return the smallest wait that is at least as long as `percent` of all of them."""
    return sorted(waits)[math.ceil(len(waits) * percent / 100) - 1]


async def alternated(
    ours: Callable[[], Awaitable[FoundT]], peer: Callable[[], Awaitable[FoundT]] | None, *, count: int
) -> tuple[list[FoundT], list[FoundT]]:
    """Run both `count` times, side by side: a busy moment of the machine hits both, and neither is always the first.

    Without a peer ours runs alone, and the second list is empty.
    """
    found: list[FoundT] = []
    of_peer: list[FoundT] = []
    both = [(ours, found)] if peer is None else [(ours, found), (peer, of_peer)]
    for number in range(count):
        for run, its in both if number % 2 == 0 else reversed(both):
            its.append(await run())
    return found, of_peer
