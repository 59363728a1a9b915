"""Only memory is used, and what dead runs left is removed."""

import asyncio
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.chassis.lifecycle import StartError
from services.processor.adapters.tmpfs import file_system, open_run_directory, wipe_dead_runs
from tests.fakes.eventually import eventually


def test_a_disk_is_refused(tmp_path: Path) -> None:
    """With one line that names the path and what it is on."""
    if file_system(tmp_path) in {"tmpfs", "ramfs"}:
        pytest.skip("the directory for temporary files is in memory here")

    with pytest.raises(
        StartError, match=f"TMPFS_DIR={tmp_path}/x is on a file system of type {file_system(tmp_path)};"
    ):
        open_run_directory(tmp_path / "x").__enter__()

    assert not (tmp_path / "x").exists()


def test_the_directory_is_private_and_goes_with_the_run(tmpfs_dir: Path) -> None:
    with open_run_directory(tmpfs_dir) as run_dir:
        (run_dir / "job-1").mkdir()
        (run_dir / "job-1" / "video").write_bytes(b"x")
        assert run_dir.stat().st_mode & 0o777 == 0o700

    assert list(tmpfs_dir.iterdir()) == [], "what was there before stays, with nothing of ours in it"


def test_a_directory_that_was_made_for_the_run_goes_with_it(tmpfs_dir: Path) -> None:
    with open_run_directory(tmpfs_dir / "videos"):
        pass

    assert not (tmpfs_dir / "videos").exists()


async def test_a_directory_that_is_removed_while_one_waits_for_it_is_made_again(tmpfs_dir: Path) -> None:
    """Its last user leaves in the very moment in which another comes: the other gets a directory that is there."""
    videos = tmpfs_dir / "videos"
    videos.mkdir()
    held = os.open(videos, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    inode = f":{videos.stat().st_ino} "

    async def is_waited_for() -> bool:
        return any("->" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())

    def come() -> bool:
        with open_run_directory(videos) as run_dir:
            (run_dir / "video").write_bytes(b"x")
            return run_dir.is_dir()

    coming = asyncio.create_task(asyncio.to_thread(come))
    try:
        await eventually(is_waited_for, what="the other waits")
        videos.rmdir()
    finally:
        os.close(held)

    assert await coming


def test_dead_runs_are_wiped_and_living_ones_stay(tmpfs_dir: Path) -> None:
    """Also one whose process id lives again: only the lock counts."""
    dead = tmpfs_dir / f"run-{os.getpid()}-dead"
    with open_run_directory(tmpfs_dir) as first:
        dead.mkdir()
        (dead / "video").write_bytes(b"x")
        with open_run_directory(tmpfs_dir):
            assert not dead.exists()
        assert first.exists()
        assert wipe_dead_runs(tmpfs_dir) == []


def test_clean_removes_what_a_killed_process_left(tmpfs_dir: Path) -> None:
    """`python -m services.processor.clean` prints each directory, and leaves everything else alone."""
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from services.processor.adapters.tmpfs import open_run_directory as o;"
        "c = o(Path(sys.argv[1])); d = c.__enter__(); (d / 'video').write_bytes(b'x');"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmpfs_dir)], check=False, capture_output=True)
    (tmpfs_dir / "not-ours").mkdir()
    (left,) = tmpfs_dir.glob("run-*")

    def clean() -> str:
        command = [sys.executable, "-m", "services.processor.clean"]
        environment = {**os.environ, "TMPFS_DIR": str(tmpfs_dir)}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert killed.returncode == -9
    assert clean() == f"removed {left}\n"
    assert not left.exists()
    assert (tmpfs_dir / "not-ours").exists()
    assert clean().startswith("nothing of a dead run")
