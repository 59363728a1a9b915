"""``python -m tests.processes.chaos --jobs 1000``: a stream of jobs while services are killed at random moments."""

import argparse
import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from services.chassis.lifecycle import background
from tests.processes.chaos_holds import relays
from tests.processes.chaos_jobs import ChaosJobs, chaos_jobs
from tests.processes.chaos_killer import SERVICES, Killer, ServiceVictim, Victim
from tests.processes.chaos_postgres import PostgresVictim
from tests.processes.chaos_steps import Step
from tests.processes.chaos_truth import Ending, Tally, tally
from tests.processes.command import end_on_sigterm, run
from tests.processes.stack import Stack, memory_directory, prepared_stack

SETTINGS = {
    "ACCESS_TOKEN_TTL_S": "86400",
    "BEAT_INTERVAL_S": "0.25",
    "JOB_RETENTION": "86400000",
    "LEASE_TTL_S": "3",
    "LOG_LEVEL": "WARNING",
    "MAX_ATTEMPTS": "100",
    "MAX_CONCURRENT_DOWNLOADS": "4",
    "MAX_MEMORY_PER_VIDEO": "10000000",
    "MAX_QUEUE_SIZE": "50",
}
"""Runs that are killed must not use a job up, a dead processor must be noticed in seconds, and no record may be gone
before it is looked at."""

PAGES = ("/media/clip.mp4", "/pages/video", "/redirect/2/media/clip.mp4")
_CLIENT_COUNT = 12
_CANCEL_ONE_IN = 20
_CANCEL_WITHIN_S = 3.0
_JOB_WITHIN_S = 120.0
_LOOK_AT_MESSAGES_EVERY_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of it."""

    job_count: int
    """Least jobs; they go on coming until every victim was hit."""
    seed: int
    pauses_s: tuple[float, float] = (1.0, 4.0)
    """Least and most seconds between two kills."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of it."""

    plan: Plan
    submitted_count: int
    tally: Tally
    kill_counts: Counter[str]
    uncommitted: Sequence[str]
    """Markers of jobs that are called unknown although CommitSend was never asked for."""
    left: str
    """What is still held in memory; empty when nothing is."""
    seconds: float

    @property
    def faults(self) -> Sequence[str]:
        """Everything that must not be, one line each."""
        lies = [f"{marker}: {lie}" for marker, lie in self.tally.lies.items()]
        early = [f"{marker}: unknown without a CommitSend" for marker in self.uncommitted]
        return [*lies, *early, *filter(None, [self.left])]

    def __str__(self) -> str:
        states, count = self.tally.states, self.submitted_count
        unknown = states["DELIVERY_UNKNOWN"]
        kills = ", ".join(f"{name} {killed}" for name, killed in sorted(self.kill_counts.items()))
        return (
            f"{count} jobs, {self.kill_counts.total()} kills ({kills}): {states['COMPLETED']} completed, "
            f"{unknown} delivery unknown ({unknown / count:.1%}), {states['CANCELLED']} cancelled, "
            f"{states['FAILED']} failed, {len(self.tally.lost)} lost, {len(self.tally.doubled)} doubled; "
            f"{self.seconds:.0f} s, seed {self.plan.seed}"
        )


class _Commits:
    """A watcher that notes which jobs have asked to commit, and holds nothing."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def at(self, job_name: str, step: Step) -> None:
        if step is Step.COMMIT_SEND:
            self.names.add(job_name)


async def chaos(stack: Stack, plan: Plan, more_victims: Sequence[Victim] = ()) -> Report:
    """Let clients submit jobs, and cancel some, while services are killed; return what became of them.

    Args:
        stack: Prepared, with nothing running.
        more_victims: To be killed beside the services.
    """
    commits = _Commits()
    chance = random.Random(plan.seed)
    began_at_s = time.monotonic()
    async with relays(stack, commits) as targets:
        for name in stack.programs:
            stack.start(name, **(targets if name == "processor" else {}))
        await stack.until_ready()
        victims = [*(ServiceVictim(stack, name, targets) for name in SERVICES), *more_victims]
        killer = Killer(victims, chance, plan.pauses_s)
        async with chaos_jobs(stack) as jobs, background(_note_messages(jobs), name="message-log"):
            async with background(killer.run(), name="killer"):
                await _serve_clients(jobs, _markers(plan, killer), random.Random(plan.seed))
            await killer.until_all_are_up()
            await _let_end(jobs)
            endings = await jobs.endings()
            left = await _left_in_memory(stack)
        stack.kill("processor")
    return Report(
        plan=plan,
        submitted_count=len(jobs.names),
        tally=tally(endings),
        kill_counts=killer.kill_counts,
        uncommitted=_uncommitted(endings, jobs.names, commits.names),
        left=left,
        seconds=time.monotonic() - began_at_s,
    )


def _markers(plan: Plan, killer: Killer) -> Iterator[str]:
    for number in itertools.count():
        if number >= plan.job_count and killer.has_hit_all:
            return
        yield f"chaos-{number}"


async def _serve_clients(jobs: ChaosJobs, markers: Iterator[str], chance: random.Random) -> None:
    async with asyncio.TaskGroup() as clients:
        for _ in range(_CLIENT_COUNT):
            clients.create_task(_client(jobs, markers, chance))


async def _client(jobs: ChaosJobs, markers: Iterator[str], chance: random.Random) -> None:
    for marker in markers:
        await jobs.submit(marker, chance.choice(PAGES))
        if chance.randrange(_CANCEL_ONE_IN) == 0:
            await asyncio.sleep(chance.uniform(0, _CANCEL_WITHIN_S))
            await jobs.cancel(marker)
        with suppress(AssertionError):  # on a slow machine it ends once the kills have
            await jobs.until_ended(marker, within_s=_JOB_WITHIN_S)


async def _let_end(jobs: ChaosJobs) -> None:
    """Wait for the jobs that no kill disturbs any more; one that does not end even so is counted as lost."""
    with suppress(TimeoutError, AssertionError):
        async with asyncio.timeout(_JOB_WITHIN_S):
            for marker in jobs.names:
                await jobs.until_ended(marker, within_s=_JOB_WITHIN_S)


async def _note_messages(jobs: ChaosJobs) -> None:
    while True:
        await jobs.note_messages()
        await asyncio.sleep(_LOOK_AT_MESSAGES_EVERY_S)


async def _left_in_memory(stack: Stack) -> str:
    try:
        await stack.memory_is_free()
    except AssertionError as error:
        return str(error)
    return ""


def _uncommitted(endings: Mapping[str, Ending], names: Mapping[str, str], committed: set[str]) -> Sequence[str]:
    unknown = [marker for marker, ending in endings.items() if ending.state == "DELIVERY_UNKNOWN"]
    return [marker for marker in unknown if names[marker] not in committed]


@contextmanager
def postgres_stack() -> Iterator[tuple[Stack, PostgresVictim]]:
    """Prepare a stack whose queue keeps its jobs in a PostgreSQL server that may be killed."""
    with (
        memory_directory() as directory,
        closing(PostgresVictim(directory)) as postgres,
        prepared_stack(None, **SETTINGS, DATABASE_URL=postgres.database_url) as stack,
    ):
        yield stack, postgres


@contextmanager
def _stack(*, postgres: bool) -> Iterator[tuple[Stack, Sequence[Victim]]]:
    if postgres:
        with postgres_stack() as (stack, victim):
            yield stack, [victim]
    else:
        with prepared_stack(None, **SETTINGS) as stack:
            yield stack, []


def main() -> int:
    """Run the command line; returns its exit status. SIGTERM ends it with all that it has started, as Ctrl-C does."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of who is killed, and when")
    parser.add_argument("--postgres", action="store_true", help="keep jobs in PostgreSQL, and restart it too")
    options = parser.parse_args()
    with _stack(postgres=options.postgres) as (stack, more_victims):
        report = run(chaos(stack, Plan(job_count=options.jobs, seed=options.seed), more_victims))
        sys.stdout.write(f"{report}\n")
        for fault in report.faults:
            sys.stdout.write(f"  {fault}\n")
        if report.faults:
            sys.stdout.write(f"{stack.logs()}\n")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
