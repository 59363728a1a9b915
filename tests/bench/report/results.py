"""The figures as a file: what was measured last, of every benchmark."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.figure import Compared, Figure

FOLDER = Path(__file__).parents[2] / "artifacts" / "bench"
_FILE = FOLDER / "results.json"


@dataclass(frozen=True)
class Result:
    """What came of one benchmark.

    Args:
        date: Of its end, ISO 8601.
        machine: What it ran on.
        busy_cores: Of the machine on average while it ran, other work included.
        took_s: Seconds, with all that it had to install.
        failure: Why there are no figures, or not all, or nothing.
        figures: What it found.
    """

    date: str
    machine: str
    busy_cores: float
    took_s: float
    failure: str
    figures: Sequence[Figure]


def failure(rows: Iterable[str], status: int, figures: Sequence[Figure]) -> str:
    """Say why a benchmark of `rows` that ended with `status` has not found all that it had to, or nothing."""
    if status:
        return f"status {status}"
    if unmeasured := set(rows) - {figure.row for figure in figures}:
        return f"nothing of {', '.join(sorted(unmeasured))}"
    missing = sorted({(figure.row, figure.missing) for figure in figures if figure.missing})
    return "; ".join(f"{row} has no peer: {why}" for row, why in missing)


def dumped(figures: Sequence[Figure]) -> str:
    """Return figures as JSON."""
    return json.dumps([_plain(figure) for figure in figures])


def loaded(text: str) -> Sequence[Figure]:
    """Return the figures of `dumped`."""
    return [_figure(plain) for plain in json.loads(text)]


def last_results() -> Mapping[str, Result]:
    """Return what was measured last, by benchmark."""
    if not _FILE.exists():
        return {}
    return {
        name: Result(**{**plain, "figures": [_figure(each) for each in plain["figures"]]})
        for name, plain in json.loads(_FILE.read_text()).items()
    }


def keep(results: Mapping[str, Result]) -> Path:
    """Write results over the last ones of the same benchmarks; returns the file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    plain = {
        name: asdict(result) | {"figures": [_plain(figure) for figure in result.figures]}
        for name, result in {**last_results(), **results}.items()
    }
    _FILE.write_text(json.dumps(plain, indent=1, ensure_ascii=False))
    return _FILE


def _plain(figure: Figure) -> Mapping[str, object]:
    """Return a figure with what can be worked out, for whoever reads the file without this code."""
    worked_out = {"row": figure.row, "ratios": figure.ratios, "is_met": figure.is_met}
    return asdict(figure) | worked_out


def _figure(plain: Mapping[str, object]) -> Figure:
    # What an earlier release has kept may have fewer.
    given = {name: plain[name] for name in Figure.__dataclass_fields__ if name in plain}
    return Figure(**{**given, "compared": Compared(str(plain["compared"]))})  # type: ignore[arg-type]  # as it was written
