"""``python -m tests.bench [--only NAME] [--page]``: run the benchmarks, each in its own process."""

import argparse
import datetime
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from tests.bench.benchmarks import AREA_OF_ROW, BENCHMARKS, WANTED
from tests.bench.process import ROOT
from tests.bench.report.machine import machine
from tests.bench.report.page import PAGE, in_area, write_page
from tests.bench.report.picture import picture
from tests.bench.report.results import FOLDER, Result, failure, keep, last_results, loaded
from tests.bench.report.table import print_table


def main() -> None:
    """Run them; the status is 0 when all ran, with all peers, and found all that they had to, however fast that was."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", choices=sorted(WANTED), help="a row, an area, or a benchmark")
    parser.add_argument("--page", action="store_true", help="write docs/goals.md from the last figures of all")
    arguments = parser.parse_args()
    names = BENCHMARKS.keys() if arguments.only is None else WANTED[arguments.only]
    results = {}
    for name in BENCHMARKS:
        if name in names:
            print(f"--- {name}: {', '.join(BENCHMARKS[name].rows)}", flush=True)
            results[name] = _result(name)
            if not results[name].failure:  # what was measured before stays
                print(f"Kept in {keep({name: results[name]})}")
    _draw({BENCHMARKS[name].area for name in names})
    print_table(results, [arguments.only] if arguments.only in AREA_OF_ROW else [*AREA_OF_ROW, ""])
    if arguments.page:
        _write_page()
    if any(result.failure for result in results.values()):
        raise SystemExit(1)


def _write_page() -> None:
    """Write the page, unless rows of it would be lost."""
    last = last_results()
    if unmeasured := BENCHMARKS.keys() - last.keys():
        raise SystemExit(f"{PAGE} stays as it is: here nothing was measured yet of {', '.join(sorted(unmeasured))}")
    print(f"Written: {', '.join(str(path) for path in write_page(last))}")


def _result(name: str) -> Result:
    began_at_s, idle_before_s = time.monotonic(), _idle_s()
    with tempfile.TemporaryDirectory(prefix="clipferry-bench-") as directory:
        path = Path(directory) / "figures.json"
        status = _run([sys.executable, "-m", "tests.bench.measured", name, str(path)])
        figures = loaded(path.read_text()) if status == 0 else []
    took_s = time.monotonic() - began_at_s
    why_failed = failure(BENCHMARKS[name].rows, status, figures)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    busy_cores = (os.cpu_count() or 1) - (_idle_s() - idle_before_s) / took_s
    return Result(today, machine(), busy_cores, took_s, why_failed, figures)


def _run(command: list[str]) -> int:
    """Run it to its end, which it also finds on SIGTERM, as on Ctrl-C."""
    with subprocess.Popen(command, cwd=ROOT) as started:

        def stop(*_: object) -> None:
            started.terminate()
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, stop)
        try:
            return started.wait()
        except KeyboardInterrupt:
            started.wait()
            raise SystemExit("stopped") from None


def _idle_s() -> float:
    times = psutil.cpu_times()
    return times.idle + times.iowait


def _draw(areas: Iterable[str]) -> None:
    figures = [figure for result in last_results().values() for figure in result.figures]
    for area in areas:
        path = FOLDER / f"{area}.svg"
        path.write_text(picture(area, in_area(area, figures)))
        print(f"Drawn: {path}")


if __name__ == "__main__":
    main()
