"""Tools of npm that the browser tests use: pinned in package-lock.json, installed once, into the environment."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_PLACE = Path(sys.prefix) / "browser-tools"
_PINNED = ("package.json", "package-lock.json")


def node_tools() -> Path:
    """Return the ``node_modules`` with the pinned tools; skips, with the reason, where they cannot be had.

    With ``ALL_TOOLS=1``, as in continuous integration, nothing skips.
    """
    everything = os.environ.get("ALL_TOOLS") == "1"
    if shutil.which("npm") is None and not everything:
        pytest.skip("not installed here: npm")
    _PLACE.mkdir(exist_ok=True)
    with (_PLACE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pins, stamp = (_HERE / _PINNED[-1]).read_text(), _PLACE / "installed"
        if not stamp.exists() or stamp.read_text() != pins:
            for name in _PINNED:
                shutil.copy(_HERE / name, _PLACE / name)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(_PLACE)]
            installed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
            if installed.returncode != 0 and not everything:
                pytest.skip("npm could not install the tools of the browser tests")
            assert installed.returncode == 0, installed.stderr[-1000:]
            stamp.write_text(pins)
    return _PLACE / "node_modules"
