"""What a JobStore promises of one owner's numbers."""

from clipferry.queue.v1 import job_pb2
from services.queue.core.job import State
from services.queue.core.moves import Complete, Resize
from tests.fakes.job_stores import StoreInHand, new_lease
from tests.fakes.queue_jobs import submission

DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2).SerializeToString()


async def complete(hand: StoreInHand, owner: str) -> None:
    """Let a job of `owner` be done, and keep what it had reserved."""
    lease = await new_lease(hand.store, (await hand.submit(submission(owner=owner))).job.id)
    await hand.store.apply([Resize(lease, 5), Complete(lease, DELIVERY)])


async def test_numbers_count_that_owners_jobs_alone(hand: StoreInHand) -> None:
    for owner in ("ann", "bob"):
        await complete(hand, owner)
    hand.clock.advance(100)
    moment_ms = hand.clock.time_ms()
    for owner in ("bob", "ann", "ann"):
        await complete(hand, owner)
    running = await new_lease(hand.store, (await hand.submit(submission(owner="ann"))).job.id)
    await hand.store.apply([Resize(running, 3_000_000_000)])
    await new_lease(hand.store, (await hand.submit(submission(owner="bob"))).job.id)
    await hand.submit(submission(owner="bob"))
    hand.clock.advance(1)
    waiting = await hand.submit(submission(owner="ann"))

    totals = await hand.store.totals_of("ann", ended_since_ms=moment_ms)

    assert totals.jobs_by_state == {State.COMPLETED: 3, State.PROCESSING: 1, State.QUEUED: 1}
    assert totals.reserved_bytes == 3_000_000_000
    assert totals.oldest_waiting_ms == waiting.job.created_ms
    assert totals.ended_count == 2
    assert await hand.store.totals_of("nobody", ended_since_ms=0) == ({}, 0, None, 0)
