"""What counts as a leak."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.soak.series import CHILDREN, DESCRIPTORS, RSS, SIZE, TASKS, THREADS, WAL, Measure, Series
from tests.soak.slope import Slope, slope


@dataclass(frozen=True)
class Limit:
    """A leak is what has surely risen after the warm-up by more than `rise`, faster than `per_h` and to over `to`."""

    rise: float
    per_h: float
    to: float = 0.0

    def __str__(self) -> str:
        by = f"{self.rise:g}, {self.per_h:g} / h"
        return f"{by} over {self.to:g}" if self.to else by


LIMITS: Mapping[str, Limit] = {
    RSS: Limit(3, 4),
    DESCRIPTORS: Limit(3, 6),
    THREADS: Limit(2, 4),
    TASKS: Limit(3, 6),
    CHILDREN: Limit(1, 2),
    SIZE: Limit(0.5, 1),
    WAL: Limit(0.5, 1, to=18),
}
"""By what is measured. A write-ahead log fills up to its next checkpoint: the queue's to 4,000 pages, 16.4 MB. PSS and
lag have no limit: the one moves with what others share, the other with what else the machine does."""
STAND_INS = frozenset({"site", "botapi", "logs"})
"""Have no limit: the stand-in of Telegram keeps its newest 200 messages, and logs are what was logged."""
_LEAST_LOOKS = 8


@dataclass(frozen=True)
class Finding:
    """One measure over the time after the warm-up."""

    measure: Measure
    slope: Slope
    limit: Limit | None

    @property
    def is_leak(self) -> bool:
        """Whether it grows by more than it may."""
        return (
            self.limit is not None
            and self.slope.sure_rise > self.limit.rise
            and self.slope.low_per_h > self.limit.per_h
            and self.slope.last > self.limit.to
        )


def findings(series: Series, warm_up_s: float) -> Sequence[Finding]:
    """Return what became of each measure that was seen often enough."""
    found = []
    for measure in series.values:
        times_s, values = series.after(measure, warm_up_s)
        if len(values) >= _LEAST_LOOKS:
            limit = None if measure.of in STAND_INS else LIMITS.get(measure.what)
            found.append(Finding(measure, slope(times_s, values), limit))
    return found
