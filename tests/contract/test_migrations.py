"""A database that any version before has left, with live jobs in it, goes on with the present one."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import yoyo

from clipferry.queue.v1 import job_pb2
from services.chassis.postgres import migrations_url
from services.queue.adapters.postgres.connection import connect
from services.queue.adapters.postgres.schema import SCHEMA
from services.queue.adapters.sqlite import opening as sqlite_opening
from services.queue.core.job import State
from services.queue.core.lease import Lease
from services.queue.core.moves import Complete
from services.queue.core.ports import Accepted, Query, Record
from tests.fakes.job_stores import ENGINES, StoreInHand
from tests.fakes.postgres import database_for
from tests.fakes.queue_jobs import submission

DATA = Path(__file__).parent / "data"
"""Dumps of stores that version 1 of each schema has left; those of later ones are made of them, by the migrations.

The jobs are numbered by what happened to them.
"""
COMPLETED, FAILED, CANCELLED, RETRY_WAIT, PROCESSING, SENDING, COMMITTED, OF_BOB, QUEUED, NEW = (
    f"01900000-0000-7000-8000-{number:012d}" for number in range(1, 11)
)
SQLITE_MIGRATIONS = Path(sqlite_opening.__file__).parent / "migrations"
ALIASES_SINCE = 3
"""Version of the schema."""
ALIAS = ("ann", "alias", QUEUED, job_pb2.JobSpec(url="https://video.test/9").SerializeToString())


def migrate(url: str, migrations: Path, version: int) -> None:
    """Apply the migrations up to `version`, as a clipferry of then did."""
    backend = yoyo.get_backend(url)
    with closing(backend.connection):
        backend.apply_migrations(backend.to_apply(yoyo.read_migrations(str(migrations))[:version]))


async def load_sqlite(folder: Path, version: int) -> None:
    path = folder / "queue.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATA / "sqlite_1.sql").read_text())
    await asyncio.to_thread(migrate, f"sqlite:///{path}", SQLITE_MIGRATIONS, version)
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        if version >= ALIASES_SINCE:
            connection.execute("INSERT INTO request_aliases VALUES (?, ?, ?, ?)", ALIAS)


async def load_postgres(folder: Path, version: int) -> None:
    url = database_for(folder, template="template1")
    connection = await connect(url)
    await connection.execute((DATA / "postgresql_1.sql").read_text())
    await asyncio.to_thread(migrate, migrations_url(url, SCHEMA.owner), SCHEMA.migrations, version)
    assert await connection.fetchval("SELECT schema_version FROM queue.meta") == version
    if version >= ALIASES_SINCE:
        await connection.execute("INSERT INTO queue.request_aliases VALUES ($1, $2, $3, $4)", *ALIAS)
    await connection.close()


LOAD: Mapping[str, Callable[[Path, int], Awaitable[None]]] = {"sqlite": load_sqlite, "postgresql": load_postgres}


@pytest.fixture(params=ENGINES)
async def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreInHand]:
    await LOAD[request.param](tmp_path, 1)
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
    assert {record.job.traceparent for record in page.records} == {""}


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


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", range(2, SCHEMA.version))
async def test_every_version_in_between_is_upgraded(engine: str, version: int, tmp_path: Path) -> None:
    """Its jobs are there, its runs go on, and a key that met a job which was there already still means that job."""
    await LOAD[engine](tmp_path, version)
    async with ENGINES[engine](tmp_path) as hand:
        page = await hand.store.page(Query())
        renewed = await hand.store.renew([Lease(COMMITTED, 1)])
        owner, request_id, job_id, spec = ALIAS
        new = submission(job_id=NEW, live_key="new", owner=owner, request_id=request_id, spec=spec)
        (again,) = await hand.store.submit([new])
        claimed = await hand.claim()

    assert len(page.records) == 9
    assert set(renewed) == {Lease(COMMITTED, 1)}
    assert isinstance(again, Accepted)
    assert again.replayed == (again.record.job.id == job_id) == (version >= ALIASES_SINCE)
    assert {OF_BOB, QUEUED} <= {record.job.id for record in claimed.records}
