"""A wave: jobs that all stand at named steps of their send while one service is killed."""

from collections.abc import Mapping, Sequence

from tests.processes.chaos_holds import Hold, Holds, relays
from tests.processes.chaos_jobs import ChaosJobs, chaos_jobs
from tests.processes.chaos_killer import ServiceVictim, Victim
from tests.processes.chaos_steps import Step
from tests.processes.chaos_truth import Ending
from tests.processes.stack import Stack

_ENDS_WITHIN_S = 45.0

HELD_TOGETHER = [step for step in Step if step is not Step.LAST_PART_SENT]
"""Steps at which a message waits, so that many jobs can stand there. The other one is a moment that passes."""


async def kill_at(
    stack: Stack, victim: str | Victim, steps: Sequence[Step], *, name: str, goes_on: bool
) -> Mapping[Step, Ending]:
    """Kill `victim` when one job stands at each of `steps`, start it again, and return how each job has ended.

    What was on its way to or from the victim is lost. The stack runs without a processor before and after.

    Args:
        victim: Or the name of a service.
        name: Unique in the stack.
        goes_on: Whether the rest goes on while the victim is away. Else once it is back, when everybody who talked to
            it has noticed.
    """
    holds = Holds()
    async with relays(stack, holds) as targets, chaos_jobs(stack) as jobs:
        stack.start("processor", **targets)
        await stack.until_ready("processor")
        struck = ServiceVictim(stack, victim, targets) if isinstance(victim, str) else victim
        try:
            held = await _held(stack, jobs, holds, steps, name)
            await struck.kill()
            for hold in held:
                if struck.name in hold.step.ends:
                    hold.lose()
                elif goes_on:
                    hold.go()
            await struck.start()
            await stack.until_ready()
            for hold in held:
                hold.go()
            for step in steps:
                await jobs.until_ended(_marker(name, step), within_s=_ENDS_WITHIN_S)
            return {step: await jobs.ending(_marker(name, step)) for step in steps}
        finally:
            stack.kill("processor")


async def _held(stack: Stack, jobs: ChaosJobs, holds: Holds, steps: Sequence[Step], name: str) -> list[Hold]:
    """Submit a job for each step and wait until all of them are there; none gets past half of its download before."""
    held = []
    for step in steps:
        job_name = await jobs.submit(_marker(name, step), f"/gated/{name}/clip.mp4")
        held.append(holds.plan(job_name, step))
    await stack.open_gate(name)
    for hold in held:
        await hold.until_reached()
    return held


def _marker(name: str, step: Step) -> str:
    return f"{name}-{step.name}"
