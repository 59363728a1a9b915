"""A stream of jobs while every service is killed again and again: none lost, none doubled, every end true."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.eventually import eventually
from tests.processes.chaos import SETTINGS, Plan, Report, chaos, postgres_stack
from tests.processes.stack import ROOT, prepared_stack

pytestmark = pytest.mark.timeout(600)

JOB_COUNT = int(os.environ.get("CHAOS_JOBS", "40"))
"""Continuous integration asks for 200."""


def check(report: Report, logs: str) -> None:
    """Check that all went well, and show how many deliveries are unknown."""
    print(report)  # noqa: T201 - the share of unknown deliveries is meant to be seen
    assert not report.faults, f"{report}\n{report.faults}\n{logs}"
    assert report.tally.states.total() == report.submitted_count >= report.plan.job_count
    assert report.tally.states["COMPLETED"] > report.submitted_count / 2


def test_jobs_survive_kills_of_every_service() -> None:
    """Kill -9 of queue, processor, notifier and gateway every few seconds."""
    with prepared_stack(None, **SETTINGS) as stack:
        report = asyncio.run(chaos(stack, Plan(job_count=JOB_COUNT, seed=random.randrange(1_000_000))))
        check(report, stack.logs())

    assert set(report.kill_counts) == {"queue", "processor", "notifier", "gateway"}


def test_jobs_survive_restarts_of_postgres_as_well() -> None:
    """The same on PostgreSQL, which crashes and recovers in between."""
    with postgres_stack() as (stack, postgres):
        report = asyncio.run(chaos(stack, Plan(job_count=JOB_COUNT // 2, seed=random.randrange(1_000_000)), [postgres]))
        check(report, stack.logs())

    assert report.kill_counts["postgres"]


async def test_whoever_ends_it_ends_all_that_it_has_started() -> None:
    """SIGTERM, as of a time limit: no service is left behind, and no server of the sandbox."""
    command = [sys.executable, "-m", "tests.processes.chaos"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.DEVNULL)
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    async def started_several() -> list[str]:
        started = listing.read_text().split()
        return started if len(started) > 3 else []

    started = await eventually(started_several, within_s=60, what="it has started several programs")
    process.send_signal(signal.SIGTERM)
    status = await asyncio.wait_for(process.wait(), 60)

    assert status == 128 + signal.SIGTERM
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
