"""What was found, as tables: for the terminal and for the page alike."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.simulation.costs import Costs
from tests.simulation.outcome import Fairness, Outcome
from tests.simulation.scenarios import LIMITED_COUNT
from tests.simulation.walls import Wall


class Findings(NamedTuple):
    """All that a run of the simulation found."""

    seed: int
    machine: str
    date: str
    outcomes: Sequence[Outcome]
    """By scale."""
    calm: Sequence[Outcome]
    """The same with a tenth of the reports."""
    beyond: Outcome
    """With a tenth of the reports, at a scale that is too large."""
    by_load: Sequence[Outcome]
    slowed: Outcome
    """With as many messages a second as Telegram takes of one bot."""
    fairness: Fairness
    costs: Costs
    walls: Sequence[Wall]


class Table(NamedTuple):
    """Lines under heads."""

    title: str
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]


def tables(found: Findings) -> Sequence[Table]:
    """Return everything that was found."""
    return [
        _walls(found),
        _scales([*found.outcomes, *found.calm, found.beyond]),
        _waits(found),
        _fairness(found.fairness),
        *_costs(found.costs),
    ]


def _walls(found: Findings) -> Table:
    scales = [outcome.scenario.processors for outcome in found.outcomes]
    return Table(
        "The walls, the nearest first",
        ["wall", *(f"at {scale:,}" for scale in scales), "stands at, processors", "what moves it"],
        [
            [wall.name, *(f"{share:.1%}" for share in wall.shares), _rounded(wall.processors), wall.moved_by]
            for wall in found.walls
        ],
    )


def _scales(outcomes: Sequence[Outcome]) -> Table:
    return Table(
        "By the number of processors",
        [
            "processors",
            "gateways",
            "reports of a run / s",
            "jobs / s",
            "done / s",
            "runs at a time",
            "changes / s",
            "rows written / s",
            "transactions / s",
            "reports / s",
            "events + progress / s to the busiest gateway",
            "to one that follows everybody",
            "queue's core in use",
            "of it µs / job done",
            "wait p50 / p95 / p99, s",
        ],
        [
            [
                f"{outcome.scenario.processors:,}",
                f"{outcome.scenario.gateways}",
                f"{1 / outcome.scenario.report_every_s:,.0f}",
                f"{outcome.jobs_per_s:,.1f}",
                f"{outcome.completed_per_s:,.1f}",
                f"{outcome.running:,.0f}",
                f"{outcome.changes_per_s:,.0f}",
                f"{outcome.rows_per_s:,.0f}",
                f"{outcome.commits_per_s:,.0f}",
                f"{outcome.reports_per_s:,.0f}",
                f"{outcome.events_per_gateway_s:,.1f} + {outcome.progress_per_gateway_s:,.0f}",
                f"{outcome.changes_per_s:,.0f} + {outcome.reports_per_s:,.0f}",
                f"{outcome.busy:.1%}",
                f"{outcome.busy / outcome.completed_per_s * 1e6:,.0f}",
                _seconds(outcome.wait_s),
            ]
            for outcome in outcomes
        ],
    )


def _waits(found: Findings) -> Table:
    slowed = found.slowed
    return Table(
        "How long a job waits",
        ["processors", "load", "messages / s that Telegram takes", "done / s", "wait p50 / p95 / p99, s"],
        [
            [
                f"{outcome.scenario.processors}",
                f"{outcome.scenario.load:.0%}",
                f"{outcome.scenario.turns_per_s:,.0f}",
                f"{outcome.completed_per_s:.1f}",
                _seconds(outcome.wait_s),
            ]
            for outcome in (*found.by_load, slowed)
        ],
    )


def _fairness(fairness: Fairness) -> Table:
    return Table(
        "Fairness, 10 processors",
        ["", "served in fair turns", "served in order of arrival"],
        [
            ["wait of the others, nobody floods: p50 / p95 / p99, s", _seconds(fairness.quiet_s), "the same"],
            [
                "the same while one owner drops 600 links at once",
                _seconds(fairness.fair_s),
                _seconds(fairness.in_order_s),
            ],
            [
                f"the same with MAX_PER_OWNER_RUNNING={LIMITED_COUNT}",
                _seconds(fairness.limited_s),
                "",
            ],
            [
                "Jain's index over 20 owners who all have jobs waiting",
                f"{fairness.jain_fair:.3f}",
                f"{fairness.jain_in_order:.3f}",
            ],
        ],
    )


def _costs(costs: Costs) -> Sequence[Table]:
    openings = ", ".join(f"{us:,.0f} for {count:,} owners" for count, us in costs.opening_us)
    return [
        Table(
            "What one costs on this machine",
            ["what", "cost"],
            [
                [
                    "commit of one call, SQLite with sync, ms",
                    f"{costs.commit_of_one_ms:.1f}, of it {costs.waited_for_one_ms:.1f} waiting for the disk",
                ],
                [
                    "commit of 256 calls, ms",
                    f"{costs.commit_of_many_ms:.0f}, of it {costs.waited_for_many_ms:.1f} waiting for the disk",
                ],
                [
                    "message of a gRPC stream, queue's CPU, µs",
                    f"{costs.wire.message_us:.0f}, and {costs.wire.wake_us:.0f} if it wakes the queue",
                ],
                ["unary gRPC call, queue's CPU, µs", f"{costs.wire.call_us:.0f}"],
                ["report of a run, queue's CPU without gRPC, µs", f"{costs.report_us:.0f}"],
                ["event that nobody there listens to, gateway's CPU, µs", f"{costs.gateway_event_us:.0f}"],
                ["progress that nobody there listens to, gateway's CPU, µs", f"{costs.gateway_progress_us:.0f}"],
                ["opening of a watch, queue's CPU, µs", openings],
            ],
        ),
        Table(
            "Queue's CPU of an event and a report, µs, by the number of gateways that watch 100 owners each",
            ["gateways", "event, watched by none", "by one", "report, watched by none", "by one"],
            [
                [
                    f"{cost.watchers}",
                    f"{cost.unwatched_event_us:.0f}",
                    f"{cost.watched_event_us:.0f}",
                    f"{cost.unwatched_report_us:.0f}",
                    f"{cost.watched_report_us:.0f}",
                ]
                for cost in costs.hub
            ],
        ),
    ]


def _seconds(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.3f}" if value < 1 else f"{value:.1f}" for value in values)


def _rounded(value: float) -> str:
    if value > 1e5:
        return "over 100,000"
    return f"{float(f'{value:.2g}'):,.0f}"
