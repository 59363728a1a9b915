"""How much of what one of each can do is needed at each scale, and where that is all of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tests.simulation.costs import Costs
from tests.simulation.demand import TURNS_PER_S
from tests.simulation.outcome import Outcome


class Wall(NamedTuple):
    """Something of which there is one."""

    name: str
    shares: Sequence[float]
    """What is needed of it, by scale. 1: all of it."""
    processors: float
    """Where it is used up, by the lines between and beyond the scales."""
    moved_by: str


def walls(outcomes: Sequence[Outcome], calm: Sequence[Outcome], beyond: Outcome, costs: Costs) -> Sequence[Wall]:
    """Return every wall, the nearest first.

    Args:
        outcomes: By scale, with as many reports as a processor makes.
        calm: The same with a tenth of them.
        beyond: With a tenth of them, at a scale that is too large.
        costs: What one of each costs.
    """
    found = [
        _wall(
            "Telegram: one bot",
            [outcome.jobs_per_s / TURNS_PER_S for outcome in outcomes],
            outcomes,
            "more messages per second from Telegram (TELEGRAM_MESSAGES_PER_S), or an installation per bot",
        ),
        _core_wall(
            "queue's core, 10 reports / s of a run",
            outcomes,
            [],
            "fewer reports: PROGRESS_INTERVAL_MS=1000 is a tenth; more queues on one PostgreSQL, a core for each",
        ),
        _core_wall(
            "queue's core, 1 report / s",
            calm,
            [beyond],
            "more slots per processor, for each look for work looks at every processor; more queues, as above",
        ),
        _wall(
            "queue's disk",
            [outcome.changes_per_s * outcome.missing / costs.most_changes_per_s for outcome in outcomes],
            outcomes,
            "a faster disk, fewer changes per job",
        ),
        _wall(
            "a gateway that follows who is connected",
            [_gateway_cpu(costs, outcome.events_per_gateway_s, outcome.progress_per_gateway_s) for outcome in outcomes],
            outcomes,
            "more gateways",
        ),
        _wall(
            "a gateway that follows everybody",
            [_gateway_cpu(costs, outcome.changes_per_s, outcome.reports_per_s) for outcome in outcomes],
            outcomes,
            "no admin connected there: an admin's page makes a gateway follow everybody",
        ),
    ]
    return sorted(found, key=lambda wall: wall.processors)


def _gateway_cpu(costs: Costs, events_per_s: float, progress_per_s: float) -> float:
    return (events_per_s * costs.gateway_event_us + progress_per_s * costs.gateway_progress_us) / 1e6


def _core_wall(name: str, outcomes: Sequence[Outcome], beyond: Sequence[Outcome], moved_by: str) -> Wall:
    """Return where less is done than is asked for: a core always in use is no wall as long as commits get fuller."""
    wall = _wall(name, [outcome.busy * outcome.missing for outcome in outcomes], outcomes, moved_by)
    kept_up = 0.0
    for outcome in (*outcomes, *beyond):
        if outcome.missing > 1:
            # Far beyond the wall less is done than at it, so the wall is not before what was still kept up with.
            return wall._replace(processors=max(kept_up, outcome.scenario.processors / outcome.missing))
        kept_up = outcome.scenario.processors
    return wall


def _wall(name: str, shares: Sequence[float], outcomes: Sequence[Outcome], moved_by: str) -> Wall:
    points = [(math.log(o.scenario.processors), math.log(share)) for o, share in zip(outcomes, shares, strict=True)]
    after = next((number for number, (_, share) in enumerate(points) if share >= 0), len(points) - 1)
    (x1, y1), (x2, y2) = points[max(after, 1) - 1], points[max(after, 1)]
    slope = max((y2 - y1) / (x2 - x1), 1e-3)
    return Wall(name, shares, math.exp(min(x1 - y1 / slope, 20.0)), moved_by)
