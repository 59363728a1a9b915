"""What was seen, look by look."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Measure(NamedTuple):
    """What is looked at."""

    of: str
    """A process, or what the files belong to."""
    what: str
    """With its unit."""


RSS, PSS, DESCRIPTORS, THREADS, TASKS, LAG = "RSS, MB", "PSS, MB", "descriptors", "threads", "tasks", "loop lag, ms"
CHILDREN, SIZE, WAL = "children", "size, MB", "write-ahead log, MB"
MEASURES = (RSS, PSS, DESCRIPTORS, THREADS, TASKS, LAG, CHILDREN, SIZE, WAL)


@dataclass
class Series:
    """Looks in their order; one at which something was not to be seen has no number of it."""

    times_s: dict[Measure, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Since the beginning of the stream."""
    values: dict[Measure, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, at_s: float, seen: Mapping[Measure, float]) -> None:
        """Take in one look."""
        for measure, value in seen.items():
            self.times_s[measure].append(at_s)
            self.values[measure].append(value)

    def after(self, measure: Measure, warm_up_s: float) -> tuple[Sequence[float], Sequence[float]]:
        """Return times and values of what came after the warm-up."""
        pairs = zip(self.times_s[measure], self.values[measure], strict=True)
        kept = [(at_s, value) for at_s, value in pairs if at_s >= warm_up_s]
        return [at_s for at_s, _ in kept], [value for _, value in kept]
