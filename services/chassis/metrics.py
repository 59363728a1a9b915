"""What a process counts: plain numbers in memory until somebody asks. What shows them is loaded where it is wanted.

Labels come from small fixed sets: never a job, a host, a user or a chat.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

Labels: TypeAlias = tuple[str, ...]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metric:
    """A name, what it means, and the names of its labels. Known to `METRICS` once it is made."""

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        METRICS[name] = self


METRICS: dict[str, Metric] = {}
"""Every metric of the modules that are loaded, by its name as it is shown."""


class Counter(Metric):
    """A number that only rises. Its name ends in ``_total``."""

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        super().__init__(name, text, labels)
        self.values: defaultdict[Labels, float] = defaultdict(float)
        if not labels:
            self.values[()] = 0  # so that it is there before it rises

    def add(self, *labels: str, by: float = 1) -> None:
        """Count `by` more under these values of the labels."""
        self.values[labels] += by


class Level(Metric):
    """A number of things that are there now, counted as they come and go."""

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        super().__init__(name, text, labels)
        self.values: defaultdict[Labels, float] = defaultdict(float)

    @contextmanager
    def one_more(self, *labels: str) -> Iterator[None]:
        """Count one more for the length of the block."""
        self.values[labels] += 1
        try:
            yield
        finally:
            self.values[labels] -= 1


class Fact(Metric):
    """A number that whoever knows it tells, whenever it changes."""

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        super().__init__(name, text, labels)
        self.values: dict[Labels, float] = {}

    def tell(self, value: float, *labels: str) -> None:
        """Show `value` from now on."""
        self.values[labels] = value


class Gauge(Metric):
    """A number that is looked up when somebody asks. See `read_by`."""


class Histogram(Metric):
    """How long something takes, in seconds, by upper bounds."""

    bounds: Sequence[float] = _SECONDS

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        super().__init__(name, text, labels)
        self.counts: dict[Labels, list[int]] = {}
        """One for each bound, and one for what lies above them all; not cumulative."""
        self.sums: defaultdict[Labels, float] = defaultdict(float)

    def observe(self, seconds: float, *labels: str) -> None:
        """Take in one more."""
        counts = self.counts.get(labels)
        if counts is None:
            counts = self.counts[labels] = [0] * (len(self.bounds) + 1)
        counts[bisect_left(self.bounds, seconds)] += 1
        self.sums[labels] += seconds


class Reading(NamedTuple):
    """What a gauge shows at the moment."""

    gauge: Gauge
    value: float
    labels: Labels = ()


Source: TypeAlias = Callable[[], Awaitable[Iterable[Reading]]]

_sources: list[Source] = []


@contextmanager
def read_by(source: Source) -> Iterator[None]:
    """Ask `source` for its gauges whenever somebody looks, for the length of the block."""
    _sources.append(source)
    try:
        yield
    finally:
        _sources.remove(source)


def sources() -> Sequence[Source]:
    """Return whom to ask for gauges now."""
    return tuple(_sources)
