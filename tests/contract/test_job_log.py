"""What a JobStore promises of one job's part of the log."""

from clipferry.queue.v1 import job_pb2
from services.queue.core.moves import BeginSend, Cancel, Complete
from services.queue.core.ports import Event
from tests.fakes.job_stores import StoreInHand, new_lease
from tests.fakes.queue_jobs import submission

DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2).SerializeToString()


def versions(events: list[Event]) -> list[int]:
    return [job_pb2.Job.FromString(event.body).version for event in events]


async def test_a_jobs_own_events_among_others(hand: StoreInHand) -> None:
    """All of it and nothing else, oldest first, with who ran it."""
    first, other = [(await hand.submit(submission())).job.id for _ in range(2)]
    lease = await new_lease(hand.store, first)
    last = (await hand.submit(submission())).job.id
    await hand.store.apply([Cancel(other, "ann"), BeginSend(lease, 1, None), Complete(lease, DELIVERY)])

    events = list(await hand.store.events_of(first, limit=10))

    assert {event.job_id for event in events} == {first}
    assert versions(events) == [1, 2, 3, 4]
    assert [event.sequence for event in events] == sorted(event.sequence for event in events)
    workers = [job_pb2.Job.FromString(event.body).worker_id for event in events]
    assert workers == ["", *[workers[-1]] * 3]
    assert workers[-1]
    assert versions(list(await hand.store.events_of(last, limit=10))) == [1]


async def test_the_newest_are_what_a_limit_leaves(hand: StoreInHand) -> None:
    job_id = (await hand.submit(submission())).job.id
    lease = await new_lease(hand.store, job_id)
    await hand.store.apply([BeginSend(lease, 1, None), Complete(lease, DELIVERY)])

    assert versions(list(await hand.store.events_of(job_id, limit=2))) == [3, 4]


async def test_what_the_log_has_let_go(hand: StoreInHand) -> None:
    """Neither a job whose events are gone, nor one that never was, is an error."""
    old = (await hand.submit(submission())).job.id
    await hand.submit(submission())
    await hand.store.purge(ended_for_ms=60_000, keep_events=1, limit=100)

    assert await hand.store.events_of(old, limit=10) == []
    assert await hand.store.events_of("01a210fc-f00b-71d2-8491-18f6559fe65c", limit=10) == []
