"""Tools that a machine may lack."""

import shutil
import sys
from pathlib import Path

import pytest

VENV = Path(sys.prefix)
MAKE = ("make", "-o", f"{VENV}/.installed", f"VENV={VENV}")
"""As a user types it, but never installing anything into the environment that runs this test."""


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip a test, with the reason, where one of its tools is not installed."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")
