"""``python -m tests.soak --minutes 10``: a stream of jobs and clients that come back; exit status 1 if anything grows.

After 30 % of the time, at most ten minutes, which is the warm-up, a leak is what tests/soak/verdict.py says.
"""

import argparse
import random
import sys

from tests.processes.command import end_on_sigterm, run
from tests.processes.stack import prepared_stack
from tests.soak.report import faults, keep, print_report
from tests.soak.run import SETTINGS, soak
from tests.soak.verdict import findings

_WARM_UP_SHARE = 0.3
_MOST_WARM_UP_S = 600.0


def main() -> int:
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long jobs come (default 10)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of what is asked for, and when")
    options = parser.parse_args()
    end_on_sigterm()
    with prepared_stack(None, **SETTINGS) as stack:
        try:
            report = run(soak(stack, seconds=options.minutes * 60, seed=options.seed))
        except Exception:
            sys.stderr.write(f"{stack.logs()}\n")
            raise
        logs = stack.logs()
    warm_up_s = min(report.seconds * _WARM_UP_SHARE, _MOST_WARM_UP_S)
    found = findings(report.series, warm_up_s)
    wrong = faults(report, found)
    print_report(report, found, wrong, warm_up_s)
    folder = keep(report, found, wrong, warm_up_s)
    sys.stdout.write(f"{folder}/soak.svg and results.json\n")
    if wrong:
        sys.stdout.write(f"{logs}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
