"""A database that the version before has left, with live jobs in it, goes on with the present one."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from clipferry.queue.v1 import job_pb2
from services.queue.adapters.postgres.connection import connect
from services.queue.core.job import State
from services.queue.core.lease import Lease
from services.queue.core.moves import Complete
from services.queue.core.ports import Accepted, Query, Record
from tests.fakes.job_stores import ENGINES, StoreInHand
from tests.fakes.postgres import database_for
from tests.fakes.queue_jobs import submission

DATA = Path(__file__).parent / "data"
"""Dumps of stores that version 1 of each schema has left. The jobs are numbered by what happened to them."""
COMPLETED, FAILED, CANCELLED, RETRY_WAIT, PROCESSING, SENDING, COMMITTED, OF_BOB, QUEUED = (
    f"01900000-0000-7000-8000-{number:012d}" for number in range(1, 10)
)


async def load_sqlite(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "queue.db")) as connection:
        connection.executescript((DATA / "sqlite_1.sql").read_text())


async def load_postgres(folder: Path) -> None:
    connection = await connect(database_for(folder, template="template1"))
    await connection.execute((DATA / "postgresql_1.sql").read_text())
    await connection.close()


LOAD: Mapping[str, Callable[[Path], Awaitable[None]]] = {"sqlite": load_sqlite, "postgresql": load_postgres}


@pytest.fixture(params=ENGINES)
async def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreInHand]:
    await LOAD[request.param](tmp_path)
    async with ENGINES[request.param](tmp_path) as hand:
        yield hand


async def test_every_job_is_as_it_was(upgraded: StoreInHand) -> None:
    page = await upgraded.store.page(Query())

    assert {record.job.id: record.job.state for record in page.records} == {
        COMPLETED: State.COMPLETED,
        FAILED: State.FAILED,
        CANCELLED: State.CANCELLED,
        RETRY_WAIT: State.RETRY_WAIT,
        PROCESSING: State.PROCESSING,
        SENDING: State.SENDING,
        COMMITTED: State.SENDING,
        OF_BOB: State.QUEUED,
        QUEUED: State.QUEUED,
    }
    committed, failed = await upgraded.job(COMMITTED), await upgraded.job(FAILED)
    assert committed.send_committed
    assert failed.error is not None
    assert failed.error.metadata == {"url": "https://video.test/2"}


async def test_runs_go_on_with_their_leases(upgraded: StoreInHand) -> None:
    """Whoever held a run before finishes it."""
    leases = [Lease(job_id, 1) for job_id in (PROCESSING, SENDING, COMMITTED)]
    delivery = job_pb2.Delivery(chat_id=42, message_id=8).SerializeToString()

    assert set(await upgraded.store.renew(leases)) == set(leases)
    results = await upgraded.store.apply([Complete(lease, delivery) for lease in leases])
    assert all(isinstance(result, Record) for result in results)


async def test_what_waits_gets_its_turn(upgraded: StoreInHand) -> None:
    upgraded.clock.advance(60)

    claimed = await upgraded.claim()

    assert {record.job.id for record in claimed.records} == {RETRY_WAIT, OF_BOB, QUEUED}


async def test_keys_cursors_and_numbers_are_still_good(upgraded: StoreInHand) -> None:
    spec = job_pb2.JobSpec(url="https://video.test/8", destination="42").SerializeToString()
    (again,) = await upgraded.store.submit([submission(owner="bob", request_id="again", spec=spec)])
    events = await upgraded.store.events(0, limit=100)
    totals = await upgraded.store.totals()

    assert isinstance(again, Accepted)
    assert (again.replayed, again.record.job.id) == (True, OF_BOB)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert (totals.jobs_by_state[State.QUEUED], totals.jobs_by_state[State.SENDING], totals.ended_count) == (2, 2, 3)
