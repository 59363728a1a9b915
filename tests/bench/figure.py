"""What a benchmark finds."""

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Args:
        name: What was measured, with its unit.
        ours: Every run of ours.
        peer: Every run of the peer, in the same order; empty where no ratio fits.
        goal: In words.
        peer_name: What the peer is and how it was set up.
    """

    name: str
    ours: Sequence[float]
    goal: str
    peer: Sequence[float] = ()
    peer_name: str = ""

    @property
    def ratio(self) -> float | None:
        """Median of ours by median of the peer."""
        return statistics.median(self.ours) / statistics.median(self.peer) if self.peer else None


def spread(runs: Sequence[float]) -> str:
    """Return ``median (minimum–maximum)``."""
    return f"{_shown(statistics.median(runs))} ({_shown(min(runs))}–{_shown(max(runs))})" if runs else "–"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


async def alternated(
    ours: Callable[[], Awaitable[float]], peer: Callable[[], Awaitable[float]], *, count: int
) -> tuple[list[float], list[float]]:
    """Run both `count` times, in turns, so that a busy moment of the machine hits both."""
    pairs = [(await ours(), await peer()) for _ in range(count)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
