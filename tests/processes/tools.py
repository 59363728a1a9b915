"""Tools that a machine may lack."""

import os
import shutil
import sys
from pathlib import Path

import pytest

VENV = Path(sys.prefix)
MAKE = ("make", "-o", f"{VENV}/.installed", f"VENV={VENV}")
"""As a user types it, but never installing anything into the environment that runs this test."""


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip a test, with the reason, where one of its tools is not installed.

    With ``ALL_TOOLS=1``, as in continuous integration, nothing skips: such a test runs, and fails.
    """
    missing = [tool for tool in tools if shutil.which(tool) is None and os.environ.get("ALL_TOOLS") != "1"]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")
