"""The private directory of one processor on a file system that lives in memory."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from services.chassis.lifecycle import StartError

logger = structlog.get_logger(__name__)

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_RUN_PREFIX = "run-"
_LOCK_NAME = "lock"
"""In each run's directory, locked by its process for as long as it lives: a lock that can be taken means a dead run."""


@contextmanager
def open_run_directory(tmpfs_dir: Path) -> Iterator[Path]:
    """Make a directory for this run, after wiping those of dead runs; remove it with the block.

    `tmpfs_dir` goes with it if it was made here and nobody else is in it.

    Raises:
        StartError: When `tmpfs_dir` cannot be used or is not in memory.
    """
    is_ours = prepare(tmpfs_dir)
    with _locked(tmpfs_dir):
        _remove_dead(tmpfs_dir)
        # The process id is for people; the lock is what counts.
        run_dir = Path(tempfile.mkdtemp(dir=tmpfs_dir, prefix=f"{_RUN_PREFIX}{os.getpid()}-"))
        lock_fd = os.open(run_dir / _LOCK_NAME, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
    try:
        yield run_dir
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
        os.close(lock_fd)
        if is_ours:
            with contextlib.suppress(OSError):  # another run is in it, or has removed it
                tmpfs_dir.rmdir()


def prepare(tmpfs_dir: Path) -> bool:
    """Make `tmpfs_dir` if it is missing, and check that it is in memory. Returns whether it was missing.

    Raises:
        StartError: Naming the path and what is wrong with it.
    """
    nearest = next(path for path in (tmpfs_dir, *tmpfs_dir.absolute().parents) if path.exists())
    kind = file_system(nearest)
    if kind not in _IN_MEMORY:
        raise StartError(
            f"TMPFS_DIR={tmpfs_dir} is on a file system of type {kind}; videos may only be held on tmpfs or ramfs."
        )
    is_missing = not tmpfs_dir.exists()
    try:
        tmpfs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"TMPFS_DIR={tmpfs_dir} cannot be made: {error.strerror}.") from error
    if not os.access(tmpfs_dir, os.W_OK | os.X_OK):
        raise StartError(f"TMPFS_DIR={tmpfs_dir} cannot be written to.")
    return is_missing


def file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`, such as ``tmpfs``; ``unknown`` when the kernel hides it."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == wanted:
            return source.split()[0]
    return "unknown"


def wipe_dead_runs(tmpfs_dir: Path) -> list[Path]:
    """Remove the directories of runs whose process is gone; returns them. Those of living runs stay."""
    if not tmpfs_dir.is_dir():
        return []
    with _locked(tmpfs_dir):
        return _remove_dead(tmpfs_dir)


def _remove_dead(tmpfs_dir: Path) -> list[Path]:
    dead = [path for path in tmpfs_dir.glob(f"{_RUN_PREFIX}*") if path.is_dir() and _is_dead(path)]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
        logger.info("The directory of a dead run was removed.", action="dead_run_wiped", path=str(path))
    return dead


def _is_dead(run_dir: Path) -> bool:
    try:
        lock_fd = os.open(run_dir / _LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock_fd)
    return True


@contextmanager
def _locked(tmpfs_dir: Path) -> Iterator[None]:
    """Hold the directory itself locked: no run is wiped between its making and its locking.

    It is made again if its last user has removed it meanwhile.
    """
    while True:
        tmpfs_dir.mkdir(mode=0o700, exist_ok=True)
        try:
            fd = os.open(tmpfs_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if _is_at(tmpfs_dir, fd):
            break
        os.close(fd)
    try:
        yield
    finally:
        os.close(fd)


def _is_at(path: Path, fd: int) -> bool:
    """Return whether what is open is still what is at `path`."""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
