"""A processor that freezes past its lease and wakes up: it cannot disturb what became of its jobs."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clipferry.processor.v1 import processor_service_pb2, processor_service_pb2_grpc
from clipferry.queue.v1 import job_pb2
from services.chassis.channel import open_link
from tests.fakes.eventually import eventually
from tests.processes.chaos_holds import Hold, Holds, relays
from tests.processes.chaos_jobs import ChaosJobs, chaos_jobs
from tests.processes.chaos_steps import Step
from tests.processes.ports import free_ports
from tests.processes.stack import Stack, prepared_stack

ENDS_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def quiet_stack() -> Iterator[Stack]:
    """Everything but a processor: each test starts its own two."""
    with prepared_stack(LEASE_TTL_S="4", BEAT_INTERVAL_S="0.25", MAX_ATTEMPTS="10") as stack:
        others = [name for name in stack.programs if name != "processor"]
        for name in others:
            stack.start(name)
        asyncio.run(stack.until_ready(*others))
        yield stack


@pytest.fixture
async def jobs(quiet_stack: Stack) -> AsyncIterator[ChaosJobs]:
    async with chaos_jobs(quiet_stack) as jobs:
        yield jobs


@asynccontextmanager
async def frozen(stack: Stack, jobs: ChaosJobs, marker: str, step: Step) -> AsyncIterator[tuple[Holds, Hold]]:
    """Freeze a processor at `step` of the job `marker`, and let another, healthy one join; both are behind relays."""
    holds = Holds()
    async with relays(stack, holds) as targets:
        # One slot: nothing else is given to it while it is frozen.
        stack.start("processor", MAX_CONCURRENT_DOWNLOADS="1", **targets)
        try:
            await stack.until_ready("processor")
            hold = holds.plan(await jobs.submit(marker, f"/gated/{marker}/clip.mp4"), step)
            await stack.open_gate(marker)
            await hold.until_reached()
            stack.signal("processor", signal.SIGSTOP)
            start_second(stack, targets)
            yield holds, hold
        finally:
            stack.signal("processor", signal.SIGCONT)
            stack.kill("processor")
            stack.kill("processor-2")


def start_second(stack: Stack, targets: Mapping[str, str]) -> None:
    port = free_ports(["second"])["second"]
    directory: Path = stack.directory / "videos-2"
    stack.start(
        "processor-2",
        "services.processor",
        PROCESSOR_LISTEN_ADDRESS=f"127.0.0.1:{port}",
        TMPFS_DIR=str(directory),
        **targets,
    )


async def wake(stack: Stack) -> None:
    """Let the frozen processor go on, until it holds no run any more."""
    stack.signal("processor", signal.SIGCONT)
    async with open_link(stack.settings.processor_listen_address) as link:
        status = processor_service_pb2_grpc.ProcessorServiceStub(link.channel).GetStatus

        async def is_idle() -> bool:
            found = await status(processor_service_pb2.GetStatusRequest(), timeout=5, wait_for_ready=True)
            return bool(found.slots_busy == 0)

        await eventually(is_idle, within_s=20, what="the processor that woke up holds no run")


async def record(jobs: ChaosJobs, marker: str) -> job_pb2.Job:
    job = await jobs.job(marker)
    assert job is not None
    return job


async def test_frozen_before_it_asked_to_commit_it_sends_nothing(quiet_stack: Stack, jobs: ChaosJobs) -> None:
    """BeginSend is answered to a processor that hears it after its lease: the other one's message is the only one."""
    async with frozen(quiet_stack, jobs, "asleep", Step.BEGIN_SEND_ANSWER) as (_, answer):
        answer.go()
        await jobs.until_ended("asleep", within_s=ENDS_WITHIN_S)
        before = await record(jobs, "asleep")
        await wake(quiet_stack)
        ending = await jobs.ending("asleep")

    assert (ending.state, ending.lie) == ("COMPLETED", "")
    assert ending.job == before


async def test_a_commit_of_a_frozen_run_changes_nothing_of_the_next_one(quiet_stack: Stack, jobs: ChaosJobs) -> None:
    """CommitSend of a frozen processor reaches the queue while another sends the same job: only that one sends it."""
    async with frozen(quiet_stack, jobs, "superseded", Step.COMMIT_SEND) as (holds, stale):
        name = jobs.names["superseded"]
        present = holds.plan(name, Step.COMMIT_SEND)
        await present.until_reached()
        before = await record(jobs, "superseded")
        answer = holds.plan(name, Step.COMMIT_SEND_ANSWER)
        stale.go()
        await answer.until_reached()
        assert (await record(jobs, "superseded")).version == before.version
        answer.go()
        await wake(quiet_stack)
        present.go()
        await jobs.until_ended("superseded", within_s=ENDS_WITHIN_S)
        ending = await jobs.ending("superseded")

    assert before.state == job_pb2.JOB_STATE_SENDING
    assert before.attempt > 1
    assert (ending.state, ending.lie) == ("COMPLETED", "")


async def test_a_commit_that_comes_too_late_changes_nothing(quiet_stack: Stack, jobs: ChaosJobs) -> None:
    """CommitSend of a frozen processor reaches the queue when the job is delivered: refused, and nothing is sent."""
    async with frozen(quiet_stack, jobs, "late", Step.COMMIT_SEND) as (holds, asked):
        await jobs.until_ended("late", within_s=ENDS_WITHIN_S)
        before = await record(jobs, "late")
        answer = holds.plan(before.name, Step.COMMIT_SEND_ANSWER)
        asked.go()
        await answer.until_reached()
        answer.go()
        await wake(quiet_stack)
        ending = await jobs.ending("late")

    assert (ending.state, ending.lie) == ("COMPLETED", "")
    assert ending.job == before


async def test_frozen_after_the_commit_it_leaves_an_unknown_delivery(quiet_stack: Stack, jobs: ChaosJobs) -> None:
    """Nobody runs a committed job again. What the processor still sends when it wakes up is the only message."""
    async with frozen(quiet_stack, jobs, "committed", Step.COMMIT_SEND_ANSWER) as (_, answer):
        answer.go()
        await jobs.until_ended("committed", within_s=ENDS_WITHIN_S)
        before = await jobs.ending("committed")
        await wake(quiet_stack)
        ending = await jobs.ending("committed")

    assert (before.state, before.message_ids) == ("DELIVERY_UNKNOWN", ())
    assert (ending.state, ending.lie) == ("DELIVERY_UNKNOWN", "")
    assert ending.job == before.job
