"""``python -m tests.mutants``: try every mutant; status 1 if one lives."""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.trial import FAST_TESTS, MACHINE, TrialError, trial


def main() -> int:
    """Print a line for each mutant; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="only mutants with these words in their name")
    parser.add_argument("--machine", action="store_true", help="with the state machine test alone")
    arguments = parser.parse_args()
    tests = (MACHINE,) if arguments.machine else FAST_TESTS
    mutants = [mutant for mutant in MUTANTS if arguments.only in mutant.name]
    if not mutants:
        parser.error(f"no mutant has {arguments.only!r} in its name")
    try:
        return _report(mutants, tests)
    except (TrialError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _report(mutants: Sequence[Mutant], tests: Sequence[str]) -> int:
    width = max(len(mutant.name) for mutant in mutants)
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        # Tests that fail without any mutant would kill them all.
        healthy = pool.submit(trial, None, tests)
        verdicts = pool.map(lambda mutant: trial(mutant, tests), mutants)
        living = []
        for mutant, verdict in zip(mutants, verdicts, strict=True):
            if verdict.killed_by is None:
                living.append(mutant.name)
            killer = verdict.killed_by or "NOBODY: IT LIVES"
            sys.stdout.write(f"{mutant.name:{width}}  {verdict.took_s:5.1f} s  {killer}\n")
            sys.stdout.flush()
        verdict = healthy.result()
    if verdict.killed_by is not None:
        raise TrialError(f"without any mutant {verdict.killed_by} fails, so nothing is proven")
    sys.stdout.write(f"{len(mutants) - len(living)} of {len(mutants)} mutants died; without any all tests pass.\n")
    return 1 if living else 0


if __name__ == "__main__":
    sys.exit(main())
