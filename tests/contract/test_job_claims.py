"""Which jobs a JobStore gives to which workers."""

import asyncio
from pathlib import Path

import pytest

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import ClipferryError
from services.queue.core.lease import Lease
from services.queue.core.moves import Complete
from services.queue.core.placing import Offer
from services.queue.core.ports import Claimed
from tests.fakes.job_stores import ENGINES, StoreInHand, offer
from tests.fakes.queue_jobs import submission

DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2).SerializeToString()


async def complete(hand: StoreInHand, lease: Lease) -> None:
    await hand.store.apply([Complete(lease, DELIVERY)])


async def test_higher_priority_runs_first(hand: StoreInHand) -> None:
    low = await hand.submit(submission(priority=-1))
    high = await hand.submit(submission(priority=5))

    claimed = await hand.claim()

    assert [record.job.id for record in claimed.records] == [high.job.id, low.job.id]


async def test_owners_take_turns(hand: StoreInHand) -> None:
    """Somebody who drops many links does not make the next person wait for all of them."""
    for _ in range(3):
        await hand.submit(submission(owner="ann"))
    await hand.submit(submission(owner="bob"))

    claimed = await hand.claim(slots=2)

    assert [record.job.owner for record in claimed.records] == ["ann", "bob"]


async def test_a_job_is_given_to_one_worker_only(hand: StoreInHand) -> None:
    """However many ask at once, the slots are filled once."""
    for _ in range(20):
        await hand.submit(submission())

    claims = await asyncio.gather(*(hand.store.claim([offer(f"worker-{n}", slots=5)]) for n in range(8)))

    ids = [record.job.id for claimed in claims for record in claimed.records]
    assert len(ids) == len(set(ids)) == 20


async def test_a_job_goes_where_it_fits(hand: StoreInHand) -> None:
    """A job of unknown size takes a worker's default; one that does not fit is passed over and keeps its place."""
    await hand.submit(submission())
    await hand.submit(submission())

    small = Offer("small", slots=5, free_bytes=99, default_bytes=100, limit_bytes=200)
    large = Offer("large", slots=5, free_bytes=150, default_bytes=100, limit_bytes=200)
    claimed = await hand.store.claim([small, large])

    placed = [(record.job.worker_id, record.job.reserved_bytes) for record in claimed.records]
    assert placed == [("large", 100)]


@pytest.mark.parametrize("claims_first", [True, False])
async def test_a_slot_goes_on_in_the_commit_that_frees_it(hand: StoreInHand, *, claims_first: bool) -> None:
    """Whoever asks first."""
    await hand.submit(submission())
    (run,) = (await hand.claim(slots=1)).records
    await hand.submit(submission())
    lease = Lease(run.job.id, run.job.token)
    ending = Offer("worker-1", 0, 0, 0, 0, ending=[lease], most_slots=1)

    asked = [hand.store.claim([ending]), hand.store.apply([Complete(lease, b"")])]
    done = await asyncio.gather(*(asked if claims_first else reversed(asked)))

    claimed = done[0 if claims_first else 1]
    assert isinstance(claimed, Claimed)
    assert [record.job.worker_id for record in claimed.records] == ["worker-1"]


async def test_a_slot_whose_run_goes_on_is_no_slot(hand: StoreInHand) -> None:
    """The end that was asked for is refused, or has not come."""
    await hand.submit(submission())
    (run,) = (await hand.claim(slots=1)).records
    await hand.submit(submission())
    lease = Lease(run.job.id, run.job.token)

    def ending() -> Offer:
        return Offer("worker-1", 0, 0, 0, 0, ending=[lease], most_slots=1)

    claimed, (refused,) = await asyncio.gather(
        hand.store.claim([ending()]), hand.store.apply([Complete(Lease(lease.job_id, lease.token + 1), b"")])
    )
    before = await hand.store.claim([ending()])
    await complete(hand, lease)
    after = await hand.store.claim([ending()])

    assert isinstance(refused, ClipferryError)
    assert [len(each.records) for each in (claimed, before, after)] == [0, 0, 1]


async def test_an_owner_runs_no_more_than_allowed(engine: str, tmp_path: Path) -> None:
    """Not in one claim and not over many; those of others pass, however many of this owner's stand before them."""
    async with ENGINES[engine](tmp_path, max_running_per_owner=2) as hand:
        for _ in range(30):
            await hand.submit(submission(owner="ann", priority=5))
        await hand.submit(submission(owner="bob"))

        first = await hand.claim(slots=5)
        second = await hand.claim(slots=1)
        lease = Lease(first.records[0].job.id, 1)
        await complete(hand, lease)
        third = await hand.claim(slots=5)

    owners = [[record.job.owner for record in claimed.records] for claimed in (first, second, third)]
    assert owners == [["ann", "ann"], ["bob"], ["ann"]]


async def test_no_more_jobs_run_than_allowed(engine: str, tmp_path: Path) -> None:
    """Over all workers together."""
    async with ENGINES[engine](tmp_path, max_running=3) as hand:
        for _ in range(5):
            await hand.submit(submission())

        claims = await asyncio.gather(*(hand.store.claim([offer(f"worker-{n}", slots=2)]) for n in range(3)))
        await complete(hand, Lease(claims[0].records[0].job.id, 1))
        after = await hand.claim()

    assert [sum(len(claimed.records) for claimed in claims), len(after.records)] == [3, 1]
