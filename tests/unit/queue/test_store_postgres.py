"""What only the PostgreSQL store promises: many processes, one schema, and a database that may not tell by itself."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError, background
from services.chassis.postgres import shown
from services.queue.adapters.postgres.bell import Bell
from services.queue.adapters.postgres.connection import connect
from services.queue.adapters.postgres.opening import open_postgres
from services.queue.adapters.postgres.schema import SCHEMA, bring_up_to_date
from services.queue.core.lease import Lease
from services.queue.core.ports import Accepted, Change
from services.queue.core.runs import Progress
from tests.fakes.deaf_connection import DeafConnection
from tests.fakes.eventually import eventually
from tests.fakes.job_stores import StoreInHand, new_lease, postgres_in_hand, rules
from tests.fakes.postgres import database_for, shared_server
from tests.fakes.queue_jobs import submission


def empty_database(name: str) -> str:
    return shared_server().create(name)


async def test_replicas_that_start_together_make_the_schema_once(tmp_path: Path) -> None:
    url = empty_database("starting_together")

    await asyncio.gather(*(bring_up_to_date(url) for _ in range(4)))

    connection = await connect(url)
    assert await connection.fetchval("SELECT schema_version FROM queue.meta") == SCHEMA.version
    await connection.close()


async def test_a_database_of_a_newer_clipferry_is_left_alone(tmp_path: Path) -> None:
    async with postgres_in_hand(tmp_path):
        pass
    connection = await connect(database_for(tmp_path))
    await connection.execute("UPDATE queue.meta SET schema_version = 99")
    await connection.close()

    with pytest.raises(StartError, match="schema version 99, from a newer clipferry"):
        async with postgres_in_hand(tmp_path):
            pass


async def test_a_database_that_cannot_be_reached_is_named() -> None:
    """Without user and password."""
    with pytest.raises(StartError, match=r"the database at 127\.0\.0\.1:1/clipferry cannot be used") as refused:
        await bring_up_to_date("postgresql://bob:secret@127.0.0.1:1/clipferry")

    assert "secret" not in str(refused.value)
    assert "bob" not in str(refused.value)


def test_what_is_shown_of_a_url() -> None:
    assert shown("postgresql://bob:secret@db.test:5432/jobs?sslmode=require") == "db.test:5432/jobs"
    assert shown("postgresql://postgres@/jobs?host=/run/postgresql") == "/run/postgresql/jobs"


async def test_a_replica_that_hears_no_bell_asks_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds out by itself, and learns of jobs and progress all the same."""

    async def connect_deaf(url: str) -> object:
        return DeafConnection(await connect(url))

    url = database_for(tmp_path)
    published: list[Change] = []
    heard: list[tuple[Lease, Progress]] = []
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(open_postgres(url, rules({}), publish=lambda changes: None))
        two = await stack.enter_async_context(open_postgres(url, rules({}), publish=published.extend))
        follow = two.follow(lambda lease, progress: heard.append((lease, progress)), lambda: None)
        follow_one = one.follow(lambda lease, progress: None, lambda: None)
        # The two replicas in the middle of their lives: this one's listening connection is the pooler's.
        monkeypatch.setattr(Bell, "_connect", property(lambda bell: lambda: connect_deaf(url)), raising=False)
        await stack.enter_async_context(background(follow, name="follow"))
        await stack.enter_async_context(background(follow_one, name="follow-one"))

        (accepted,) = await one.store.submit([submission()])
        one.peers.tell_progress(Lease("job", 1), Progress(2, 40.0, 0))

        async def both_heard() -> bool:
            return bool(published and heard)

        await eventually(both_heard, within_s=30, what="the deaf replica has learned of both")
    assert isinstance(accepted, Accepted)
    assert published[0].job_id == accepted.record.job.id
    assert heard[0] == (Lease("job", 1), Progress(2, 40.0, 0))


async def cut_connections(folder: Path, *, refuse: bool = False) -> None:
    """End every connection to the database of `folder`, and let none in if `refuse`, else let them in again."""
    name = urlsplit(database_for(folder)).path.removeprefix("/")
    connection = await connect(shared_server().url())
    await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not refuse}")
    await connection.fetch("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name)
    await connection.close()


async def is_unavailable(hand: StoreInHand) -> bool:
    with pytest.raises(ClipferryError) as refused:
        await hand.store.renew([])
    return refused.value.reason is Reason.STORE_UNAVAILABLE


async def test_a_connection_that_is_cut_again_and_again_keeps_no_dead_worker_alive(tmp_path: Path) -> None:
    """Its lease runs out as it would have: there was always somebody who could have renewed it."""
    async with postgres_in_hand(tmp_path) as hand:
        lease = await new_lease(hand.store, (await hand.submit(submission())).job.id)
        reaped = []
        for _ in range(4):
            hand.clock.advance(7.75)
            await cut_connections(tmp_path)
            assert await is_unavailable(hand)
            reaped.append([run.lease for run in await hand.store.reap(limit=10)])

    assert reaped == [[], [], [], [lease]]


async def test_leases_stand_still_while_the_database_is_away(tmp_path: Path) -> None:
    """Who was alive has as long as before; who was silent already is over, and so is a run over its longest time."""
    async with postgres_in_hand(tmp_path) as hand:
        ids = [(await hand.submit(submission(run_timeout_ms=timeout_ms))).job.id for timeout_ms in (600_000, 90_000)]
        silent, late = [Lease(record.job.id, 1) for record in (await hand.claim()).records]
        assert [silent.job_id, late.job_id] == ids
        hand.clock.advance(25)
        await hand.store.renew([late])
        alive = await new_lease(hand.store, (await hand.submit(submission())).job.id)
        hand.clock.advance(10)  # nobody has looked yet, and the silent one is over
        await cut_connections(tmp_path, refuse=True)
        assert await is_unavailable(hand)
        hand.clock.advance(60)
        assert await is_unavailable(hand)
        await cut_connections(tmp_path)

        over = await hand.store.reap(limit=10)
        hand.clock.advance(20)
        still_alive = await hand.store.reap(limit=10)
        hand.clock.advance(0.001)
        over_later = await hand.store.reap(limit=10)

    assert {run.lease for run in over} == {silent, late}
    assert still_alive == []
    assert [run.lease for run in over_later] == [alive]


async def test_a_call_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither its transaction, whose lock all replicas wait for, nor a connection that can do no more."""
    async with postgres_in_hand(tmp_path) as hand:
        with pytest.raises(asyncpg.DataError):
            await hand.store.submit([submission(owner="not\0text")])

        other = await connect(database_for(tmp_path))
        assert await other.fetchval("SELECT sequence FROM queue.meta FOR UPDATE NOWAIT") == 0
        await other.close()
        await hand.submit(submission())
