"""Trying one mutant: the tests run on a copy of the tree that has the change."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.observer import RESULT

MACHINE = "tests/contract/test_store_machine.py"
FAST_TESTS = (
    "tests/contract/test_transitions.py",
    "tests/contract/test_job_store.py",
    "tests/contract/test_job_claims.py",
    "tests/unit/queue",
    MACHINE,
)
"""In this order: what fails fast comes first."""

_COPIED = ("services", "gateway", "sandbox", "tests", "protos")
_TIMEOUT_S = 600


class Verdict(NamedTuple):
    """What became of one trial."""

    killed_by: str | None
    """The first test that failed; None: the mutant lives."""
    took_s: float


class TrialError(Exception):
    """The tests could not be run, which says nothing of the mutant."""


def trial(mutant: Mutant | None, tests: Sequence[str] = FAST_TESTS) -> Verdict:
    """Run `tests` until one fails, on SQLite only.

    Args:
        mutant: None: on the tree as it is.

    Raises:
        TrialError: If they could not be run.
        ValueError: If the mutant does not fit the code.
    """
    with _copied_tree() as copy:
        if mutant is not None:
            changed = copy / mutant.path
            changed.write_text(mutant.applied_to(changed.read_text()))
        began_s = time.monotonic()
        ended = _run_tests(copy, tests)
        took_s = time.monotonic() - began_s
        result = copy / "result"
        if ended.returncode == 0 and not result.exists():
            return Verdict(None, took_s)
        if ended.returncode == 1 and result.exists():
            return Verdict(result.read_text(), took_s)
        name = "the tree as it is" if mutant is None else repr(mutant.name)
        raise TrialError(f"the tests of {name} ended with status {ended.returncode}:\n{ended.stdout}")


@contextmanager
def _copied_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="clipferry-mutant-") as folder:
        copy = Path(folder).resolve()
        for name in _COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        yield copy


def _run_tests(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    options = ["-x", "-q", "-p", "tests.mutants.observer", "-p", "no:cacheprovider", "-k", "not postgres"]
    # No bytecode: a change of the same length within the same second would not be noticed by its cache.
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        RESULT: str(copy / "result"),
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
