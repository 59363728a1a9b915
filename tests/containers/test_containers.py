"""The whole trip in four containers as hardened as in a cluster, and what happens when one of them goes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker.models.containers import Container

from sandbox.run.gateway import Gateway, signed_in
from tests.containers.engine import API_KEY, SITE, Town, address, pid
from tests.containers.outside import BOT_API_PORT
from tests.fakes.eventually import eventually
from tests.processes.journey import ended_job
from tests.processes.tools import needs
from tests.processes.writes import WriteMeter

pytestmark = [needs("podman"), pytest.mark.timeout(300, func_only=True)]

SLOW_PAGE = f"{SITE}/throttled/100/clip.mp4"
LONG_LEASE_S = "600"
"""Longer than any wait of a test, on any machine: what goes on nevertheless was handed back."""
_MOUNT_POINTS = re.compile(r"^/(data|scratch|etc|run|dev|proc|sys)(/|$)")
"""What an engine makes in a layer to mount over it."""


@asynccontextmanager
async def door(containers: dict[str, Container]) -> AsyncIterator[Gateway]:
    """Sign in once everybody is there."""
    url = address(containers["gateway"], 3000)

    async def is_up() -> bool:
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
                # What is outside opens its site before its Bot API.
                await http.get(f"{address(containers['outside'], BOT_API_PORT)}/sandbox/messages")
                status: str = (await http.get("/health")).json()["status"]
        except httpx.TransportError:
            return False
        return status == "ok"

    await eventually(is_up, within_s=90, what="everybody is there")
    async with signed_in(url, API_KEY) as gateway:
        yield gateway


async def delivered(containers: dict[str, Container]) -> Any:
    """Return the messages that Telegram has."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{address(containers['outside'], BOT_API_PORT)}/sandbox/messages")).json()


def inside(container: Container) -> dict[str, str]:
    """Return what the kernel says of a container's first process."""
    status = Path(f"/proc/{pid(container)}/status").read_text()
    return dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))


async def test_the_whole_trip_without_a_byte_on_a_disk(town: Town) -> None:
    """Nobody, without a capability, on a root that cannot be written; and after the job no layer has changed."""
    containers = town.run_all()
    async with door(containers) as gateway:
        pids = [pid(containers[name]) for name in ("processor", "notifier")]
        with WriteMeter(*pids) as meter:
            job = await ended_job(gateway, f"{SITE}/pages/video")

    assert job["status"] == "completed", job
    assert len(await delivered(containers)) == 1
    assert meter.written_bytes == 0
    for name in ("queue", "processor", "notifier", "gateway"):
        seen = inside(containers[name])
        assert seen["Uid"].split() == ["10001"] * 4
        assert (int(seen["CapEff"], 16), int(seen["CapBnd"], 16)) == (0, 0)
        assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2")
        changed = [str(each["Path"]) for each in containers[name].diff() or ()]
        assert [path for path in changed if not _MOUNT_POINTS.match(path)] == []


async def test_a_processor_that_is_stopped_hands_its_job_back(town: Town) -> None:
    """Another one goes on long before the lease is over; and the stopped run is not counted."""
    containers = town.run_all(LEASE_TTL_S=LONG_LEASE_S)
    async with door(containers) as gateway:
        job = await gateway.submit(f"{SITE}/endless.mp4")
        await eventually(lambda: _is(gateway, job["id"], "processing"), within_s=30)

        await asyncio.to_thread(containers["processor"].stop, timeout=30)

        again = await gateway.get(f"/api/jobs/{job['id']}")
        assert again["status"] == "queued", again
        town.run("processor", alias="processor-2")
        await eventually(lambda: _is(gateway, job["id"], "processing"), within_s=60)
        again = await gateway.get(f"/api/jobs/{job['id']}")
        assert again["attempt"] == 1, again
        await gateway.cancel(job["id"])
    assert containers["processor"].wait()["StatusCode"] == 0


async def test_a_processor_that_runs_out_of_memory_loses_nothing(town: Town) -> None:
    """The kernel kills it; the job is delivered by another one, once."""
    containers = town.run_all()
    async with door(containers) as gateway:
        job = await gateway.submit(SLOW_PAGE)
        await eventually(lambda: _is(gateway, job["id"], "processing"), within_s=30)

        first = pid(containers["processor"])
        Path(f"/proc/{first}/oom_score_adj").write_text("1000")
        hog = "held = []\nwhile True: held.append(bytearray(1 << 20))"
        await asyncio.to_thread(containers["processor"].exec_run, ["python", "-c", hog])
        assert (await asyncio.to_thread(containers["processor"].wait))["StatusCode"] == 137
        town.run("processor", alias="processor-2")

        await eventually(lambda: _is(gateway, job["id"], "completed"), within_s=90)
    assert len(await delivered(containers)) == 1


async def _is(gateway: Gateway, job_id: str, status: str) -> bool:
    found: bool = (await gateway.get(f"/api/jobs/{job_id}"))["status"] == status
    return found
