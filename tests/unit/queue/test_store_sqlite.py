"""What only the SQLite store promises: one process, one file, calls that share a commit and nothing else."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from services.chassis.lifecycle import StartError
from services.queue.core.lease import Lease
from services.queue.core.moves import Complete
from services.queue.core.placing import Offer
from services.queue.core.ports import Accepted, Claimed
from tests.fakes.job_stores import new_lease, sqlite_in_hand
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
    """Of ten submits in one commit, one cannot be kept; the nine others are, and are counted and published."""
    async with sqlite_in_hand(tmp_path, max_waiting=10) as hand:
        taken = submission()
        await hand.submit(taken)
        news = [submission() for _ in range(9)]
        news.insert(4, submission(job_id=taken.job_id))

        results = await asyncio.gather(*(hand.store.submit([new]) for new in news), return_exceptions=True)

        assert [type(result) for result in results if isinstance(result, Exception)] == [sqlite3.IntegrityError]
        assert isinstance(results[4], sqlite3.IntegrityError)
        assert [change.event.sequence for change in hand.published] == list(range(1, 11))
        assert sum((await hand.store.totals()).jobs_by_state.values()) == 10


async def test_an_offer_is_as_it_was_when_its_commit_is_made_again(tmp_path: Path) -> None:
    """A neighbour cannot be kept. What its calls had decided together with it counts for nothing."""
    async with sqlite_in_hand(tmp_path) as hand:
        taken = await hand.submit(submission())
        await hand.store.apply([Complete(await new_lease(hand.store, taken.job.id), b"")])
        await hand.submit(submission())
        (run,) = (await hand.claim(slots=1)).records
        await hand.submit(submission())
        lease = Lease(run.job.id, run.job.token)
        offer = Offer("worker-1", 0, 0, 0, 0, ending=[lease], most_slots=1)

        claimed, _, refused = await asyncio.gather(
            hand.store.claim([offer]),
            hand.store.apply([Complete(lease, b"")]),
            hand.store.submit([submission(job_id=taken.job.id)]),
            return_exceptions=True,
        )

        assert isinstance(refused, sqlite3.IntegrityError)
        assert isinstance(claimed, Claimed)
        assert len(claimed.records) == 1


async def test_a_caller_that_went_away_breaks_nothing(tmp_path: Path) -> None:
    async with sqlite_in_hand(tmp_path) as hand:
        call = asyncio.ensure_future(hand.store.submit([submission()]))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        await hand.submit(submission())

        assert sum((await hand.store.totals()).jobs_by_state.values()) == 2


async def test_a_long_queue_is_handed_out_in_its_order(tmp_path: Path) -> None:
    """Longer than what the engine knows by heart of jobs that wait."""
    count = 1_100
    async with sqlite_in_hand(tmp_path, max_waiting=count) as hand:
        accepted = await hand.store.submit([submission() for _ in range(count)])
        first = [record.job.id for record in (await hand.claim(slots=50)).records]
        rest = [record.job.id for record in (await hand.claim(slots=count)).records]

    assert first + rest == [each.record.job.id for each in accepted if isinstance(each, Accepted)]
