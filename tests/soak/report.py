"""What a soak has found: a table in the terminal, all looks as JSON, and a picture."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.report.machine import machine
from tests.soak.picture import picture
from tests.soak.run import Report
from tests.soak.series import DESCRIPTORS, MEASURES, TASKS, THREADS
from tests.soak.verdict import Finding

FOLDER = Path(__file__).parents[1] / "artifacts" / "soak"
_MORE_WHEN_QUIET = 3
"""So many more descriptors, threads or tasks may there be when all is quiet again: connections that are kept."""


def faults(report: Report, found: Iterable[Finding]) -> Sequence[str]:
    """Return all that must not be, one line each."""
    return [
        *(f"{marker}: {lie}" for marker, lie in report.tally.lies.items()),
        *(f"{marker}: delivered twice" for marker in report.tally.doubled),
        *report.surprises,
        *(
            f"{finding.measure.of}: {finding.measure.what} rises by {finding.slope.per_h:.3g} an hour, from"
            f" {finding.slope.first:.4g} to {finding.slope.last:.4g}"
            for finding in found
            if finding.is_leak
        ),
        *(
            f"{measure.of}: {after:g} {measure.what} when all is quiet again, {before:g} before"
            for measure, (before, after) in report.quiet.items()
            if (measure.what in (DESCRIPTORS, THREADS, TASKS) and after > before + _MORE_WHEN_QUIET)
            or (measure.of == "tmpfs" and after > before)
        ),
    ]


def print_report(report: Report, found: Sequence[Finding], wrong: Sequence[str], warm_up_s: float) -> None:
    """Print everything."""
    console = Console(width=150, highlight=False)
    columns = ("of", "measure", "first", "last", "per hour (99 % confidence)", "limit", "", "quiet: before → after")
    table = Table(*columns, title=f"after a warm-up of {warm_up_s:.0f} s; medians of the first and the last tenth")
    for finding in sorted(found, key=lambda finding: MEASURES.index(finding.measure.what)):
        measure, slope = finding.measure, finding.slope
        quiet = report.quiet.get(measure)
        table.add_row(
            measure.of,
            measure.what,
            f"{slope.first:.4g}",
            f"{slope.last:.4g}",
            f"{slope.per_h:+.3g} ({slope.low_per_h:+.3g} to {slope.high_per_h:+.3g})",
            str(finding.limit or "–"),
            "GROWS" if finding.is_leak else "",
            f"{quiet[0]:.4g} → {quiet[1]:.4g}" if quiet else "",
        )
    console.print(table)
    for line in (*_told(report), f"{len(wrong)} faults", *(f"  {fault}" for fault in wrong)):
        console.print(line, markup=False)


def _told(report: Report) -> Iterable[str]:
    states = report.tally.states
    yield (
        f"{states.total()} jobs in {report.seconds:.0f} s: "
        + ", ".join(f"{count} {state.lower().replace('_', ' ')}" for state, count in states.most_common())
        + f"; {len(report.tally.lost)} lost, {len(report.tally.doubled)} doubled; seed {report.seed}"
    )
    yield "; ".join(f"{what}: {count:,}" for what, count in report.counts.items())
    yield "loop lag, 99 of 100 looks below: " + ", ".join(
        f"{name} {lag_s * 1000:g} ms" for name, lag_s in report.lags_p99_s.items()
    )


def keep(report: Report, found: Sequence[Finding], wrong: Sequence[str], warm_up_s: float) -> Path:
    """Write looks and picture over those of the last soak; returns the folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    plain = {
        "machine": machine(),
        "seed": report.seed,
        "seconds": report.seconds,
        "warmUpSeconds": warm_up_s,
        "jobs": dict(report.tally.states),
        "pages": dict(report.shares),
        "counts": dict(report.counts),
        "lagP99Seconds": dict(report.lags_p99_s),
        "faults": list(wrong),
        "findings": [
            {"of": each.measure.of, "measure": each.measure.what, "isLeak": each.is_leak, **vars(each.slope)}
            for each in found
        ],
        "quiet": [[*measure, *values] for measure, values in report.quiet.items()],
        "looks": [
            {"of": measure.of, "measure": measure.what, "times": report.series.times_s[measure], "values": values}
            for measure, values in report.series.values.items()
        ],
    }
    (FOLDER / "results.json").write_text(json.dumps(plain) + "\n")
    (FOLDER / "soak.svg").write_text(picture(report.series, warm_up_s))
    return FOLDER
