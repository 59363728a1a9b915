"""Where databases under measurement are kept: on a disk, because what is in memory syncs for nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.bench.process import ROOT

_MEMORY = ("tmpfs", "ramfs")


@contextmanager
def on_disk() -> Iterator[tuple[Path, str]]:
    """Make a directory on a disk for the length of the block; yields it and the name of its file system.

    Raises:
        SystemExit: If there is none to be found.
    """
    for parent in (Path(tempfile.gettempdir()), Path("/var/tmp"), ROOT):
        file_system = _file_system(parent)
        if file_system not in _MEMORY:
            with tempfile.TemporaryDirectory(prefix="clipferry-bench-", dir=parent) as name:
                directory = Path(name)
                directory.chmod(0o755)  # PostgreSQL runs as another user where this is root
                yield directory, file_system
            return
    raise SystemExit("this benchmark needs a directory on a disk: set TMPDIR to one")


def _file_system(path: Path) -> str:
    path = path.resolve()
    mounts = {partition.mountpoint: partition.fstype for partition in psutil.disk_partitions(all=True)}
    return next((mounts[str(folder)] for folder in (path, *path.parents) if str(folder) in mounts), "")
