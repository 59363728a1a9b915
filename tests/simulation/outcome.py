"""What a stretch of simulated time showed."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple


class Scenario(NamedTuple):
    """What is simulated."""

    processors: int
    gateways: int
    load: float
    """Of what the processors can do: 1 keeps all of them busy."""
    warm_s: float
    """Virtual seconds before anything is counted."""
    counted_s: float
    turns_per_s: float
    """Messages that Telegram takes a second."""
    report_every_s: float
    """Between two reports of a run: PROGRESS_INTERVAL_MS."""
    seed: int


class Outcome(NamedTuple):
    """What was counted, per virtual second."""

    scenario: Scenario
    jobs_per_s: float
    """Submitted."""
    completed_per_s: float
    wait_s: tuple[float, float, float]
    """From submit to assignment: the median, of 95 and of 99 in a hundred no longer."""
    changes_per_s: float
    commits_per_s: float
    rows_per_s: float
    """Rows written: of each change the job's and the log's, of each commit the account's."""
    running: float
    """Runs at a time, on average of begin and end."""
    events_per_gateway_s: float
    """At the gateway that hears most."""
    progress_per_gateway_s: float
    """The same."""
    reports_per_s: float
    foreign_count: int
    """Events and progress that came to a gateway where the owner is not connected."""
    busy: float
    """Share of the time in which the queue had something to do: of one core."""

    @property
    def missing(self) -> float:
        """How many times as much as was done was asked for, if the queue had no time left for it; otherwise 1.

        Of jobs or of reports, whichever is more: processors report less often to a queue that does not keep up.
        """
        if self.busy < _FULL or not self.completed_per_s or not self.reports_per_s:
            return 1.0
        reports_per_s = self.running / self.scenario.report_every_s
        missing = max(self.jobs_per_s / self.completed_per_s, reports_per_s / self.reports_per_s)
        return missing if missing > _CHANCE else 1.0


_FULL = 0.97
_CHANCE = 1.1
"""So much more may seem to be asked for in the time that is counted, without anything being missing."""


class Fairness(NamedTuple):
    """What somebody else's flood does to those who ask for one video now and then."""

    quiet_s: tuple[float, float, float]
    """How long they wait without it."""
    fair_s: tuple[float, float, float]
    """And with it."""
    limited_s: tuple[float, float, float]
    """And if only a few jobs of one owner run at once."""
    in_order_s: tuple[float, float, float]
    """And if the queue served in the order of arrival."""
    jain_fair: float
    """Jain's index of what 20 owners were served, who all have jobs waiting, the most eager 20 times as many."""
    jain_in_order: float


def quantiles(values: Collection[float]) -> tuple[float, float, float]:
    """Return the median, and the values that 95 and 99 in a hundred do not exceed. Nothing: zeros."""
    ordered = sorted(values)
    if not ordered:
        return 0.0, 0.0, 0.0
    return tuple(ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99))  # type: ignore[return-value]


def jain(served: Mapping[str, int], owners: Sequence[str]) -> float:
    """Return Jain's index: 1 when all get the same, 1/n when one gets everything."""
    shares = [served.get(owner, 0) for owner in owners]
    squares = len(shares) * sum(share * share for share in shares)
    return sum(shares) ** 2 / squares if squares else 1.0
