"""Kill -9 of each service, and of the database, at each named step of a send: every end is true, nothing is doubled."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial

import pytest

from tests.processes.chaos_killer import SERVICES, Victim
from tests.processes.chaos_postgres import PostgresVictim
from tests.processes.chaos_steps import Step
from tests.processes.chaos_truth import Ending
from tests.processes.chaos_wave import HELD_TOGETHER, kill_at
from tests.processes.stack import Stack, memory_directory, prepared_stack

pytestmark = pytest.mark.timeout(240)

DELIVERED = {("COMPLETED", 1)}
NEVER_LEFT = {("DELIVERY_UNKNOWN", 0)}
ARRIVED_UNHEARD = {("DELIVERY_UNKNOWN", 1)}
EITHER_WAY = {("DELIVERY_UNKNOWN", 0), ("DELIVERY_UNKNOWN", 1)}

# Between CommitSend and the moment at which the queue knows Telegram's answer, who dies with it takes it along. What is
# not named here ends delivered.
UNKNOWN = {
    ("processor", Step.COMMIT_SEND_ANSWER): NEVER_LEFT,
    ("processor", Step.LAST_PART): NEVER_LEFT,
    ("processor", Step.LAST_PART_SENT): EITHER_WAY,
    ("processor", Step.OUTCOME): ARRIVED_UNHEARD,
    ("processor", Step.COMPLETE_JOB): ARRIVED_UNHEARD,
    ("notifier", Step.LAST_PART): NEVER_LEFT,
    ("notifier", Step.LAST_PART_SENT): EITHER_WAY,
    ("notifier", Step.OUTCOME): ARRIVED_UNHEARD,
}


SETTINGS = {
    "ACCESS_TOKEN_TTL_S": "3600",
    "LEASE_TTL_S": "8",
    "MAX_ATTEMPTS": "10",
    "MAX_CONCURRENT_DOWNLOADS": "10",
    "MAX_MEMORY_PER_VIDEO": "10000000",
    "MAX_QUEUE_SIZE": "50",
}


@contextmanager
def quiet_stack(**changed: str) -> Iterator[Stack]:
    """Run everything but a processor: each wave starts its own, behind relays."""
    with prepared_stack(None, **SETTINGS, **changed) as stack:
        others = [name for name in stack.programs if name != "processor"]
        for name in others:
            stack.start(name)
        asyncio.run(stack.until_ready(*others))
        yield stack


@pytest.fixture(scope="module")
def sqlite_stack() -> Iterator[Stack]:
    with quiet_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresVictim]:
    with memory_directory() as directory, closing(PostgresVictim(directory)) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def postgres_stack(postgres: PostgresVictim) -> Iterator[Stack]:
    with quiet_stack(DATABASE_URL=postgres.database_url) as stack:
        yield stack


@pytest.fixture(scope="module", params=[*SERVICES, "postgres"])
def victim(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def endings(victim: str, request: pytest.FixtureRequest) -> Mapping[Step, Ending]:
    """How the jobs ended at whose steps `victim` was killed: two waves for all of them."""
    is_postgres = victim == "postgres"
    stack: Stack = request.getfixturevalue("postgres_stack" if is_postgres else "sqlite_stack")
    struck: str | Victim = request.getfixturevalue("postgres") if is_postgres else victim
    goes_on = victim in ("queue", "postgres")  # runs do not need them between two moves
    wave = partial(kill_at, stack, struck, goes_on=goes_on)
    try:
        together = asyncio.run(wave(HELD_TOGETHER, name=f"{victim}-together"))
        alone = asyncio.run(wave([Step.LAST_PART_SENT], name=f"{victim}-alone"))
    except AssertionError as error:
        raise AssertionError(f"{error}\n{stack.logs()}") from None
    return {**together, **alone}


@pytest.mark.parametrize("step", Step, ids=lambda step: step.name.lower())
def test_a_kill_at_a_step_ends_in_the_truth(victim: str, step: Step, endings: Mapping[Step, Ending]) -> None:
    """DELIVERY_UNKNOWN only between CommitSend and the answer; everywhere else the message arrives, once."""
    ending = endings[step]

    assert not ending.lie
    assert (ending.state, len(ending.message_ids)) in UNKNOWN.get((victim, step), DELIVERED)


def test_only_who_holds_the_answer_can_lose_it(victim: str, endings: Mapping[Step, Ending]) -> None:
    """The share of unknown deliveries over all steps; a queue, database or gateway that dies costs none."""
    unknown = [step.value for step, ending in endings.items() if ending.state == "DELIVERY_UNKNOWN"]
    print(f"{victim} killed: {len(unknown)} of {len(endings)} unknown ({', '.join(unknown) or 'none'})")  # noqa: T201

    assert len(unknown) == sum(killed == victim for killed, _ in UNKNOWN)
