"""What the gateway's store promises, whichever engine it has."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import yoyo

from gateway.limits.exchange import Exchange
from gateway.store import postgres
from gateway.store.database import Database
from gateway.store.marks import Marks, mark
from gateway.store.opening import open_database
from gateway.store.version import SCHEMA_VERSION, schema
from services.chassis.lifecycle import StartError, background
from services.chassis.postgres import migrations_url
from services.queue.adapters.postgres.connection import connect
from tests.fakes.clock import FakeClock
from tests.fakes.gateway_stores import GATEWAY_STORES
from tests.fakes.postgres import database_for

LONG = """WITH RECURSIVE numbers (number) AS (
    SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 200000
) SELECT COUNT(*) FROM numbers"""
DATA = Path(__file__).parent / "data"


@pytest.fixture(params=GATEWAY_STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return GATEWAY_STORES[request.param](tmp_path)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with open_database(url) as opened:
        yield opened


async def versions(database: Database) -> dict[str, int]:
    rows = await database.run("SELECT topic, version FROM marks")
    return {str(topic): int(version) for topic, version in rows}


async def test_what_a_block_did_is_kept_whole(database: Database) -> None:
    async with database.transaction() as run:
        assert await mark(run, "a") == 1
        assert await mark(run, "a") == 2
        assert await run("SELECT version FROM marks WHERE topic = $1", "a") == [(2,)]

    assert (await versions(database))["a"] == 2


async def test_what_a_block_did_is_undone_when_it_raises(database: Database) -> None:
    with pytest.raises(ValueError, match="no"):
        async with database.transaction() as run:
            await mark(run, "a")
            raise ValueError("no")

    assert "a" not in await versions(database)


async def test_a_block_that_is_cancelled_leaves_nothing_behind(database: Database) -> None:
    """However far it was, and however impatient: no half of it is kept, and the next one can begin."""
    for pauses in range(12):

        async def work() -> None:
            async with database.transaction() as run:
                await mark(run, "a")
                await mark(run, "b")

        task = asyncio.create_task(work())
        for _ in range(pauses):
            await asyncio.sleep(0)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        found = await versions(database)
        assert found.get("a", 0) == found.get("b", 0)
        async with database.transaction() as run:
            await mark(run, "c")


async def test_a_block_that_is_cancelled_twice_is_undone(database: Database) -> None:
    """The second time while it is being undone, behind a statement that takes long."""
    begun = asyncio.Event()

    async def work() -> None:
        async with database.transaction() as run:
            await mark(run, "a")
            begun.set()
            await run(LONG)

    task = asyncio.create_task(work())
    await begun.wait()
    await asyncio.sleep(0)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)

    async with database.transaction() as run:
        assert await mark(run, "a") == 1


async def test_every_kind_of_value_comes_back(database: Database) -> None:
    """Also what both engines say of blobs, nulls, limits of integers and letters beyond ASCII."""
    await database.run(
        "INSERT INTO users (id, role, created_at_ms, chats) VALUES ($1, $2, $3, $4)", "ä", "user", 2**62, "x"
    )
    await database.run(
        "INSERT INTO api_keys (hash, id, user_id, label, created_at_ms, scopes) VALUES ($1, $2, $3, $4, $5, $6)",
        b"\x00\xff",
        "key",
        "ä",
        "",
        0,
        "",
    )

    found = await database.run(
        "SELECT u.id, u.created_at_ms, k.hash, k.used_at_ms FROM users u JOIN api_keys k ON k.user_id = u.id"
        " WHERE k.created_at_ms = CAST($1 AS bigint)",
        0,
    )
    assert found == [("ä", 2**62, b"\x00\xff", None)]


async def test_words_of_locks_exclude_each_other(database: Database) -> None:
    """Twenty that read, wait and write: none is lost."""
    await database.run("INSERT INTO marks VALUES ($1, $2)", "a", 0)

    async def add_one() -> None:
        async with database.transaction(lock="a") as run:
            ((version,),) = await run("SELECT version FROM marks WHERE topic = $1", "a")
            await asyncio.sleep(0)
            await run("UPDATE marks SET version = $1 WHERE topic = $2", version + 1, "a")

    await asyncio.gather(*(add_one() for _ in range(20)))

    assert (await versions(database))["a"] == 20


async def test_a_change_is_heard_with_its_version(database: Database) -> None:
    heard: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    async def note(known: int, version: int) -> None:
        heard.put_nowait((known, version))

    marks = Marks(database, poll_s=0.01)
    await mark(database.run, "a")
    await marks.listen("a", note)
    async with background(marks.serve(), name="marks"):
        await mark(database.run, "b")
        await mark(database.run, "a")
        async with asyncio.timeout(30):
            assert await heard.get() == (1, 2)
    assert heard.empty()


async def test_a_newer_schema_is_not_touched(url: str) -> None:
    async with open_database(url) as database:
        await database.run("UPDATE marks SET version = $1 WHERE topic = 'schema'", SCHEMA_VERSION + 1)

    with pytest.raises(StartError, match="from a newer clipferry"):
        async with open_database(url):
            pytest.fail("it was opened")


async def test_a_second_gateway_needs_postgresql(tmp_path: Path) -> None:
    url = GATEWAY_STORES["sqlite"](tmp_path)
    async with open_database(url):
        with pytest.raises(StartError, match=r"another gateway uses.*GATEWAY_DATABASE_URL=postgresql"):
            async with open_database(url):
                pytest.fail("it was opened")


async def test_replicas_hear_each_other_at_once(tmp_path: Path) -> None:
    """By the bell: nobody looks by himself within the test."""
    url = GATEWAY_STORES["postgresql"](tmp_path)
    heard = asyncio.Event()

    async def note(_known: int, _version: int) -> None:
        heard.set()

    async with open_database(url) as one, open_database(url) as two:
        marks = Marks(one, poll_s=60)
        await marks.listen("a", note)
        async with background(marks.serve(), name="marks"):
            await one.rung(10)  # it listens
            await mark(two.run, "a")
            async with asyncio.timeout(30):
                await heard.wait()


async def test_who_cannot_hear_looks_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the listening connection is lost: what rang in that moment was for nobody, and the next look is far away."""
    monkeypatch.setattr(postgres, "_CONNECT_AGAIN_S", 60)
    async with open_database(GATEWAY_STORES["postgresql"](tmp_path)) as database:
        await database.rung(10)  # it listens
        gone = await database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        assert gone == [(True,)]
        async with asyncio.timeout(20):
            await database.rung(60)


async def test_a_file_of_the_first_version_goes_on(tmp_path: Path) -> None:
    """Users keep their ways in, and whoever could send anywhere still can."""
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        connection.executescript((DATA / "gateway_sqlite_1.sql").read_text())
    async with open_database(GATEWAY_STORES["sqlite"](tmp_path)) as database:
        assert await database.run("SELECT id, role, is_enabled, chats FROM users ORDER BY id") == [
            ("admin", "admin", 1, "*"),
            ("ann", "user", 1, "*"),
        ]
        assert await database.run("SELECT id, scopes, used_at_ms, expires_at_ms FROM api_keys") == [
            ("key-1", "", None, None)
        ]
        assert await database.run("SELECT id, user_id, key_id, revoked_at_ms FROM sessions ORDER BY id") == [
            ("session-1", "ann", "key-1", None),
            ("session-2", "ann", "", 1790000000005),
        ]
        assert await database.run("SELECT COUNT(*) FROM pairing_codes") == [(1,)]
        assert await database.run("SELECT secret FROM signing_keys") == [(b"signing-key-of-the-first-version",)]


@pytest.mark.parametrize("applied_count", [1, 2, 3])
async def test_a_postgresql_database_of_any_version_goes_on(tmp_path: Path, applied_count: int) -> None:
    """Users, keys, sessions and codes are there, and what came later works."""
    url = database_for(tmp_path, template="template1")
    connection = await connect(url)
    await connection.execute("CREATE SCHEMA gateway")
    await asyncio.to_thread(_migrate_postgres, url, applied_count)
    for statement in (
        "INSERT INTO gateway.users VALUES ('ann', 'user', 1, 1, '*')",
        "INSERT INTO gateway.api_keys VALUES ('\\x01', 'key-1', 'ann', '', 1, '')",
        "INSERT INTO gateway.pairing_codes (hash, user_id, expires_at_ms) VALUES ('\\x02', 'ann', 2)",
        "INSERT INTO gateway.sessions"
        " VALUES ('session-1', 'ann', 'key-1', '', '', '\\x03', '\\x04', NULL, 1, 1, 2, NULL)",
    ):
        await connection.execute(statement)
    await connection.close()

    async with open_database(url) as database:
        assert (await versions(database))["schema"] == SCHEMA_VERSION
        for table, expected in (("users", "ann"), ("api_keys", "key-1"), ("sessions", "session-1")):
            assert await database.run(f"SELECT id FROM {table}") == [(expected,)]
        ((code_id,),) = await database.run("SELECT id FROM pairing_codes")
        assert code_id or applied_count == 3  # whoever made the code gave it a name
        await Exchange(database, FakeClock(), (), None).once()
        assert await database.run("SELECT COUNT(*) FROM replicas") == [(1,)]


def _migrate_postgres(url: str, applied_count: int) -> None:
    """Apply the first migrations, as a clipferry of then did."""
    here = schema("postgres")
    backend = yoyo.get_backend(migrations_url(url, here.owner))
    with closing(backend.connection):
        backend.apply_migrations(backend.to_apply(yoyo.read_migrations(str(here.migrations))[:applied_count]))
