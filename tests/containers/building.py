"""The images, built of packages that this machine's pip has fetched: it knows from where, and the build need not."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.processes.tools import MAKE

ROOT = Path(__file__).parent.parent.parent
_FOUND_AT = "/packages"
_SETTINGS = f"[global]\nno-index = true\nfind-links = {_FOUND_AT}\n"
_PYTHON = "3.11"
"""Of the base image, whatever this machine's is."""
_WITHIN_S = 900


def build_images(folder: Path) -> None:
    """Build the four images without a network. What has not changed is not built again.

    Args:
        folder: For the packages.
    """
    packages, settings = folder / "packages", folder / "pip.conf"
    _fetch(packages)
    settings.write_text(_SETTINGS)
    arguments = f"--network=none -v {packages}:{_FOUND_AT}:ro -v {settings}:/etc/pip.conf:ro"
    _run([*MAKE, "images", f"BUILD={arguments}"])


def _fetch(packages: Path) -> None:
    """Fetch what the locks pin, by their hashes, and what builds clipferry itself."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    only = ["--only-binary=:all:", f"--python-version={_PYTHON}", "--dest", str(packages)]
    locks = [f"--requirement={lock}" for lock in sorted((ROOT / "deploy/locks").glob("*.lock"))]
    _run([*pip, *only, "--require-hashes", *locks])
    _run([*pip, *only, *_build_requirements()])


def _build_requirements() -> list[str]:
    found: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return found


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
