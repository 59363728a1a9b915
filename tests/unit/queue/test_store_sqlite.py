"""What only the SQLite store promises: one process, one file, calls that share a commit and nothing else."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import StartError
from services.queue.adapters.store_sqlite import SqliteJobStore
from services.queue.core.ports import Accepted
from tests.fakes.job_stores import sqlite_in_hand
from tests.fakes.queue_jobs import submission


async def test_a_second_holder_is_refused(tmp_path: Path) -> None:
    """Two queues on one file would give each job twice."""
    async with sqlite_in_hand(tmp_path):
        with pytest.raises(StartError, match="held by another process"):
            async with sqlite_in_hand(tmp_path):
                pass


async def test_a_file_of_a_newer_clipferry_is_left_alone(tmp_path: Path) -> None:
    async with sqlite_in_hand(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "queue.db")) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(StartError, match="schema version 99, from a newer clipferry"):
        async with sqlite_in_hand(tmp_path):
            pass


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_text("These are not the bytes of a database, whatever the name says. " * 20)

    with pytest.raises(StartError, match=r"queue\.db' cannot be opened: file is not a database"):
        async with sqlite_in_hand(tmp_path):
            pass


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match="cannot be opened"):
        async with sqlite_in_hand(tmp_path / "file"):
            pass


async def test_a_failing_call_fails_alone(tmp_path: Path) -> None:
    """Of ten submits in one commit, the database refuses one; the nine others are kept, counted and published."""
    async with sqlite_in_hand(tmp_path, max_waiting=10) as hand:
        taken = submission()
        await hand.submit(taken)
        news = [submission() for _ in range(9)]
        news.insert(4, submission(job_id=taken.job_id))

        results = await asyncio.gather(*(hand.store.submit([new]) for new in news), return_exceptions=True)

        failed = [result for result in results if isinstance(result, ClipferryError)]
        assert [error.reason for error in failed] == [Reason.STORE_UNAVAILABLE]
        assert results[4] is failed[0]
        assert [change.event.sequence for change in hand.published] == list(range(1, 11))
        assert sum((await hand.store.totals()).jobs_by_state.values()) == 10


async def test_calls_that_wait_share_a_commit(tmp_path: Path) -> None:
    """A hundred submits at once cost a few syncs of the disk, not a hundred."""
    async with sqlite_in_hand(tmp_path, max_waiting=100) as hand:
        assert isinstance(hand.store, SqliteJobStore)
        commits = 0
        commit = hand.store._writer.commit

        def counting_commit() -> object:
            nonlocal commits
            commits += 1
            return commit()

        hand.store._writer.commit = counting_commit  # type: ignore[method-assign,assignment] # counts real commits
        results = await asyncio.gather(*(hand.store.submit([submission()]) for _ in range(100)))

        assert all(isinstance(result, Accepted) for (result,) in results)
        assert commits < 20


async def test_a_caller_that_went_away_breaks_nothing(tmp_path: Path) -> None:
    async with sqlite_in_hand(tmp_path) as hand:
        call = asyncio.ensure_future(hand.store.submit([submission()]))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        await hand.submit(submission())

        assert sum((await hand.store.totals()).jobs_by_state.values()) == 2
