"""Rules of the repository itself."""

import queue
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted(
    path for folder in ("services", "gateway", "cli", "sandbox", "tests") for path in (ROOT / folder).rglob("*.py")
)


def test_the_queue_service_does_not_hide_the_standard_library() -> None:
    """A package named `queue` must stay `services.queue`, or thread pools die."""
    assert Path(queue.__file__ or "").parent == Path(subprocess.__file__).parent


@pytest.mark.parametrize("service", ["services.queue", "services.processor", "services.notifier", "gateway"])
def test_a_service_says_what_is_wrong_with_its_settings(service: str) -> None:
    """Wrong settings end the process at once with status 78 and a line for each."""
    ended = subprocess.run(
        [sys.executable, "-m", service],
        cwd=ROOT,
        env={"LOG_LEVEL": "loud", "DRAIN_S": "-1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 78, ended.stderr
    assert "LOG_LEVEL='loud'" in ended.stderr
    assert "DRAIN_S='-1': input should be greater than or equal to 0" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_files_stay_small_enough_to_read() -> None:
    """300 lines for code, 500 for tests: a longer file has more than one job."""
    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in SOURCES}

    too_long = {path: lines for path, lines in sizes.items() if lines > (500 if path.parts[0] == "tests" else 300)}

    assert too_long == {}


def test_no_bag_modules() -> None:
    """If a thing has no better name than these, it has no owner."""
    bags = {"utils", "util", "common", "helpers", "misc", "models"}

    assert [path for path in SOURCES if path.stem in bags or path.parent.name in bags] == []
