"""Removes what dead processors left in memory: ``python -m services.processor.clean``."""

import os
import sys
from pathlib import Path

from services.chassis.logs import set_up_logs
from services.processor.adapters.tmpfs import wipe_dead_runs

_DEFAULT = "/dev/shm/clipferry"  # noqa: S108 - the default of TMPFS_DIR; each run makes a private directory in it


def main() -> None:
    """Remove the tmpfs directories of dead runs and print them. Never touches a living run, or data."""
    set_up_logs(service="clean", level="WARNING")
    tmpfs_dir = Path(os.environ.get("TMPFS_DIR") or _DEFAULT)
    removed = wipe_dead_runs(tmpfs_dir)
    for path in removed:
        sys.stdout.write(f"removed {path}\n")
    if not removed:
        sys.stdout.write(f"nothing of a dead run in {tmpfs_dir}\n")


if __name__ == "__main__":
    main()
