"""``make clean`` removes what dead runs left in memory, and never data."""

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.processes.stack import ROOT
from tests.processes.tools import MAKE, needs


@needs("make")
def test_clean_keeps_data_and_living_runs(directory: Path) -> None:
    project, videos = directory / "project", directory / "videos"
    for folder in ("services", "gateway", "sandbox/__pycache__", "tests", "protos/gen", "var/run"):
        (project / folder).mkdir(parents=True)
    data = [project / "var/queue.db", project / "var/gateway.db", project / "var/run/queue.log"]
    for path in data:
        path.write_text("precious")
    dead, living = videos / "run-1-dead", videos / "run-2-living"
    for run in (dead, living):
        (run / "jobs").mkdir(parents=True)
        (run / "lock").touch()

    with (living / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cleaned = subprocess.run(
            [*MAKE, "-f", str(ROOT / "Makefile"), "clean"],
            cwd=project,
            env={"PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin", "TMPFS_DIR": str(videos)}
            | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert cleaned.returncode == 0, cleaned.stderr
    assert not dead.exists()
    assert living.exists()
    assert [path.read_text() for path in data] == ["precious"] * len(data)
    assert not (project / "sandbox/__pycache__").exists()
