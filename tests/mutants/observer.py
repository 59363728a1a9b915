"""A pytest plugin for a run in a changed copy: which test fails first, and whether the copy was what ran."""

import os
import sys
from pathlib import Path

import pytest

RESULT = "MUTANT_RESULT"
"""Environment variable: the file for the name of the first test that fails."""
WRONG_CODE = 90
"""Exit status when code from elsewhere was imported."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    result = Path(os.environ[RESULT])
    if report.failed and not result.exists():
        result.write_text(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    here = Path.cwd()
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "services"}
    files = {name: Path(module.__file__) for name, module in ours.items() if module.__file__ is not None}
    strangers = [str(path) for path in files.values() if not path.is_relative_to(here)]
    if strangers or "services.queue.core.moves" not in files:
        sys.stderr.write(f"not the changed copy in {here}: {strangers}\n")
        session.exitstatus = WRONG_CODE
