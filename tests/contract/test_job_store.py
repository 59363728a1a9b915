"""What a JobStore promises, whatever it is made of. The moves of the state machine are in test_transitions.py."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import JobError, State
from services.queue.core.lease import MAX_EXTRA_RUNS, Lease
from services.queue.core.moves import BeginSend, Cancel, Complete, Fail, Retry
from services.queue.core.ports import Accepted, Query
from tests.fakes.job_stores import ENGINES, POLICY, StoreInHand, new_lease, offer
from tests.fakes.queue_jobs import submission

DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2).SerializeToString()


@pytest.fixture
async def small(engine: str, tmp_path: Path) -> AsyncIterator[StoreInHand]:
    """A store in which two jobs may wait."""
    async with ENGINES[engine](tmp_path, max_waiting=2) as opened:
        yield opened


async def refusal(hand: StoreInHand, **fields: Any) -> ClipferryError:
    (result,) = await hand.store.submit([submission(**fields)])
    assert isinstance(result, ClipferryError)
    return result


async def complete(hand: StoreInHand, lease: Lease) -> None:
    await hand.store.apply([Complete(lease, DELIVERY)])


# Submitting


async def test_a_repeated_request_returns_the_first_job_even_when_the_queue_is_full(small: StoreInHand) -> None:
    first = submission(request_id="r", spec=b"")
    job = (await small.submit(first)).job
    await small.submit(submission())

    (again,) = await small.store.submit([submission(request_id="r", spec=b"")])

    assert isinstance(again, Accepted)
    assert (again.replayed, again.duplicate, again.record.job) == (True, False, job)


async def test_a_repeated_request_returns_the_first_job_after_its_end(hand: StoreInHand) -> None:
    await hand.submit(submission(request_id="r"))
    lease = await new_lease(hand.store, hand.published[0].job_id)
    await complete(hand, lease)

    (again,) = await hand.store.submit([submission(request_id="r")])

    assert isinstance(again, Accepted)
    assert again.record.job.state == State.COMPLETED


async def test_a_request_id_with_another_spec_is_refused(hand: StoreInHand) -> None:
    job = (await hand.submit(submission(request_id="r", spec=b""))).job
    spec = job_pb2.JobSpec(url="http://other.test/").SerializeToString()

    error = await refusal(hand, request_id="r", spec=spec)

    assert error.reason is Reason.REQUEST_ID_REUSED
    assert error.metadata["job"] == job.name


async def test_a_request_that_met_a_twin_is_remembered(hand: StoreInHand) -> None:
    """A repeat whose first answer was lost must not send the video again, though the job is over by then."""
    job = (await hand.submit(submission(live_key="k"))).job
    await hand.submit(submission(live_key="k", request_id="r", spec=b""))
    await complete(hand, await new_lease(hand.store, job.id))

    (again,) = await hand.store.submit([submission(live_key="k", request_id="r", spec=b"")])
    error = await refusal(hand, request_id="r", spec=job_pb2.JobSpec(url="http://other.test/").SerializeToString())
    hand.clock.advance(60)
    await hand.store.purge(ended_for_ms=1_000, keep_events=100, limit=9)
    (anew,) = await hand.store.submit([submission(live_key="k", request_id="r", spec=b"")])

    assert isinstance(again, Accepted)
    assert (again.replayed, again.duplicate, again.record.job.id) == (True, False, job.id)
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert isinstance(anew, Accepted)
    assert not anew.replayed


async def test_request_ids_are_each_owners_own(hand: StoreInHand) -> None:
    ann = await hand.submit(submission(owner="ann", request_id="r"))
    bob = await hand.submit(submission(owner="bob", request_id="r"))

    assert ann.job.id != bob.job.id


async def test_a_live_twin_is_returned_until_it_ends_or_is_cancelled(hand: StoreInHand) -> None:
    """The same wish while its job runs is that job; with other words beside it, too; after it, it is a new wish."""
    first = await hand.submit(submission(live_key="k"))
    caption = job_pb2.JobSpec(caption="other").SerializeToString()
    twin = await hand.submit(submission(live_key="k", spec=caption))
    lease = await new_lease(hand.store, first.job.id)
    running_twin = await hand.submit(submission(live_key="k"))
    await hand.store.apply([Cancel(lease.job_id, "ann")])
    second = await hand.submit(submission(live_key="k"))

    assert twin.job.id == running_twin.job.id == first.job.id
    assert second.job.id != first.job.id


async def test_twins_that_live_beside_each_other_are_both_known(hand: StoreInHand) -> None:
    """A person has run an ended job again while its twin lives: while either lives, the wish is not new."""
    first = (await hand.submit(submission(live_key="k"))).job
    await hand.store.apply([Cancel(first.id, "")])
    second = (await hand.submit(submission(live_key="k"))).job
    await hand.store.apply([Retry(first.id, "", allow_duplicate_delivery=False), Cancel(second.id, "")])

    third = (await hand.submit(submission(live_key="k"))).job

    assert third.id == first.id


async def test_a_full_queue_refuses_with_both_numbers(small: StoreInHand) -> None:
    """Jobs that wait for another run count; jobs that run do not."""
    first = await small.submit(submission())
    lease = await new_lease(small.store, first.job.id)
    await small.submit(submission())
    await small.store.apply([Fail(lease, JobError("STALLED", "It stalled.", retryable=True), None, not_sent=False)])

    error = await refusal(small)

    assert error.reason is Reason.QUEUE_FULL
    assert error.metadata == {"queued": "2", "limit": "2"}
    assert error.retry_after_s


async def test_one_batch_cannot_overfill_the_queue(small: StoreInHand) -> None:
    """Each submission of a batch has its own outcome at its own index, judged with those before it."""
    results = await small.store.submit([submission() for _ in range(3)])

    assert [isinstance(result, Accepted) for result in results] == [True, True, False]


async def test_an_owner_can_be_full_alone(engine: str, tmp_path: Path) -> None:
    async with ENGINES[engine](tmp_path, max_waiting_per_owner=1) as hand:
        await hand.submit(submission(owner="ann"))

        error = await refusal(hand, owner="ann")

        assert (error.reason, error.metadata["limit"]) == (Reason.OWNER_QUEUE_FULL, "1")
        await hand.submit(submission(owner="bob"))


async def test_a_retry_by_hand_is_admitted_like_a_submit(small: StoreInHand) -> None:
    job = (await small.submit(submission())).job
    await small.store.apply([Cancel(job.id, "")])
    await small.submit(submission())
    await small.submit(submission())

    (result,) = await small.store.apply([Retry(job.id, "", allow_duplicate_delivery=False)])

    assert isinstance(result, ClipferryError)
    assert result.reason is Reason.QUEUE_FULL
    assert (await small.job(job.id)).state == State.CANCELLED


async def test_somebody_elses_job_is_not_found(hand: StoreInHand) -> None:
    job = (await hand.submit(submission(owner="ann"))).job

    results = await hand.store.apply([Cancel(job.id, "bob"), Cancel("01900000-0000-7000-8000-00000000ffff", "bob")])

    assert [result.reason for result in results if isinstance(result, ClipferryError)] == [Reason.JOB_NOT_FOUND] * 2


# Claiming


async def test_a_retry_becomes_due_by_itself(hand: StoreInHand) -> None:
    """After a failure the store tells when to ask again: 15 s for the first."""
    lease = await new_lease(hand.store, (await hand.submit(submission())).job.id)
    await hand.store.apply([Fail(lease, JobError("STALLED", "It stalled.", retryable=True), None, not_sent=False)])

    early = await hand.claim()
    hand.clock.advance(15)
    due = await hand.claim()

    assert early.records == []
    assert early.next_due_in_ms == 15_000
    assert len(due.records) == 1


async def test_a_claim_tells_whether_any_job_waits(hand: StoreInHand) -> None:
    """Due or not: of two jobs the second waits for a slot, then nothing does, then one for its next attempt."""
    for _ in range(2):
        await hand.submit(submission())

    first, second, third = [await hand.store.claim([offer(slots=1)]) for _ in range(3)]
    run = first.records[0].job
    failed = Fail(Lease(run.id, run.token), JobError("STALLED", "It stalled.", retryable=True), None, not_sent=False)
    await hand.store.apply([failed])
    after = await hand.store.claim([offer(slots=1)])

    assert [len(each.records) for each in (first, second, third, after)] == [1, 1, 0, 0]
    assert [each.any_waits for each in (first, second, third, after)] == [True, False, False, True]


FLOOD = JobError("TELEGRAM_FLOOD", "Telegram asks to slow down.", retryable=True)


async def test_retry_after_is_a_floor(hand: StoreInHand) -> None:
    lease = await new_lease(hand.store, (await hand.submit(submission())).job.id)

    await hand.store.apply([Fail(lease, FLOOD, 100.0, not_sent=False)])

    waits_ms = (await hand.job(lease.job_id)).not_before_ms - hand.clock.time_ms()
    assert 100_000 <= waits_ms <= 120_000


async def test_a_wait_that_telegram_named_is_no_attempt(hand: StoreInHand) -> None:
    """A hundred videos for one group wait for each other: none of them fails for it, unless it goes on for ever."""
    job_id = (await hand.submit(submission())).job.id
    runs = 0
    while (await hand.job(job_id)).state != State.FAILED:
        lease = await new_lease(hand.store, job_id)
        runs += 1
        await hand.store.apply([Fail(lease, FLOOD, 1.0, not_sent=False)])
        hand.clock.advance(1_000)

    job = await hand.job(job_id)
    assert runs == job.attempt == job.max_attempts == POLICY.max_attempts + MAX_EXTRA_RUNS
    assert job.error == FLOOD


async def test_a_flood_without_a_time_is_an_attempt(hand: StoreInHand) -> None:
    lease = await new_lease(hand.store, (await hand.submit(submission())).job.id)
    await hand.store.apply([Fail(lease, FLOOD, None, not_sent=False)])
    assert (await hand.job(lease.job_id)).attempt == 1


# Leases


async def test_a_beat_in_time_renews(hand: StoreInHand) -> None:
    """A lease lasts for as long as it is renewed in time; a renewal is no change that anybody is told of."""
    lease = await new_lease(hand.store, (await hand.submit(submission())).job.id)
    told = len(hand.published)
    for _ in range(3):
        hand.clock.advance(20)
        assert lease in await hand.store.renew([lease])

    assert await hand.store.reap(limit=10) == []
    assert len(hand.published) == told


async def test_a_late_beat_is_lost(hand: StoreInHand) -> None:
    """Also when nobody has reaped the run yet; neither is a token that is not the present one renewed."""
    lease = await new_lease(hand.store, (await hand.submit(submission())).job.id)
    stale = Lease(lease.job_id, lease.token + 1)
    assert set(await hand.store.renew([stale, lease])) == {lease}
    hand.clock.advance(31)

    assert await hand.store.renew([lease]) == {}


async def test_a_deadline_ends_a_run_that_beats(hand: StoreInHand) -> None:
    lease = await new_lease(hand.store, (await hand.submit(submission(run_timeout_ms=50_000))).job.id)
    for _ in range(2):
        hand.clock.advance(25)
        await hand.store.renew([lease])
    hand.clock.advance(1)

    late = await hand.store.renew([lease])
    (reaped,) = await hand.store.reap(limit=10)

    job = await hand.job(lease.job_id)
    assert late == {}
    assert (reaped.lease, reaped.worker_id) == (lease, "worker-1")
    assert job.error is not None
    assert (job.state, job.error.reason) == (State.RETRY_WAIT, "TIMED_OUT")


# The log


async def test_each_version_is_one_event_and_the_log_is_dense(hand: StoreInHand) -> None:
    """Whoever reads the log sees every change of every job once, in order, without a gap."""
    leases = [await new_lease(hand.store, (await hand.submit(submission())).job.id) for _ in range(3)]
    await asyncio.gather(
        *(hand.store.apply([BeginSend(lease, 1, None), Complete(lease, DELIVERY)]) for lease in leases)
    )

    events = await hand.store.events(0, limit=100)

    assert [event.sequence for event in events] == list(range(1, 13))
    assert events == [change.event for change in hand.published]
    for lease in leases:
        versions = [job_pb2.Job.FromString(event.body).version for event in events if event.job_id == lease.job_id]
        assert versions == [1, 2, 3, 4]


async def test_the_log_can_be_read_on_from_a_cursor(hand: StoreInHand) -> None:
    for _ in range(4):
        await hand.submit(submission())

    events = await hand.store.events(2, limit=1)

    assert [event.sequence for event in events] == [3]
    assert await hand.store.events(4, limit=1) == []


async def test_a_cursor_outside_the_log_is_refused(hand: StoreInHand) -> None:
    """One that is older than what is kept, and one from a future that this store never had."""
    for _ in range(4):
        await hand.submit(submission())
    await hand.store.purge(ended_for_ms=60_000, keep_events=2, limit=100)

    for cursor in (1, 5):
        with pytest.raises(ClipferryError) as refused:
            await hand.store.events(cursor, limit=1)
        assert refused.value.reason is Reason.CURSOR_EXPIRED
        with pytest.raises(ClipferryError, match="reaches from 2 to 4"):
            await hand.store.page(Query(changed_after=cursor))
    assert [event.sequence for event in await hand.store.events(0, limit=9)] == [3, 4]


# Listing


async def test_pages_are_newest_first_and_filtered(hand: StoreInHand) -> None:
    ids = [(await hand.submit(submission(owner=owner))).job.id for owner in ("ann", "bob", "ann", "ann")]
    await hand.store.apply([Cancel(ids[2], "")])

    first = await hand.store.page(Query(owner="ann", limit=2))
    second = await hand.store.page(Query(owner="ann", limit=2, before_id=first.records[-1].job.id))
    waiting = await hand.store.page(Query(states=frozenset({State.QUEUED})))

    assert [record.job.id for record in first.records] == [ids[3], ids[2]]
    assert [record.job.id for record in second.records] == [ids[0]]
    assert (first.has_more, second.has_more, first.sequence) == (True, False, 5)
    assert [record.job.id for record in waiting.records] == [ids[3], ids[1], ids[0]]


async def test_a_page_can_hold_only_what_changed(hand: StoreInHand) -> None:
    ids = [(await hand.submit(submission())).job.id for _ in range(3)]
    sequence = (await hand.store.page(Query())).sequence
    await hand.store.apply([Cancel(ids[1], "")])

    changed = await hand.store.page(Query(changed_after=sequence))

    assert [record.job.id for record in changed.records] == [ids[1]]


# Retention and numbers


async def test_ended_jobs_are_forgotten_and_still_counted(hand: StoreInHand) -> None:
    for _ in range(3):
        await complete(hand, await new_lease(hand.store, (await hand.submit(submission())).job.id))
        hand.clock.advance(10)
    live = await hand.submit(submission())

    purged = await hand.store.purge(ended_for_ms=15_000, keep_events=100, limit=1)
    purged_next = await hand.store.purge(ended_for_ms=15_000, keep_events=100, limit=9)

    totals = await hand.store.totals()
    assert (purged.job_count, purged_next.job_count) == (1, 1)
    assert totals.jobs_by_state == {State.COMPLETED: 1, State.QUEUED: 1}
    assert totals.ended_count == 3
    assert await hand.store.oldest_waiting_ms() == live.job.created_ms


# Trouble


async def test_a_start_keeps_jobs_leases_tokens_turns_and_numbers(engine: str, tmp_path: Path) -> None:
    """Whoever held a lease before goes on with it; nobody is blamed for the time that the queue was away."""
    async with ENGINES[engine](tmp_path, max_waiting=3) as before:
        lease = await new_lease(before.store, (await before.submit(submission(request_id="r"))).job.id)
        for live_key in ("k1", "k2", "k3"):
            await before.submit(submission(live_key=live_key))
        clock = before.clock
    clock.advance(1_000)
    async with ENGINES[engine](tmp_path, clock=clock, max_waiting=3) as after:
        assert await after.store.reap(limit=10) == []
        clock.advance(29)
        assert lease in await after.store.renew([lease])
        assert (await refusal(after)).reason is Reason.QUEUE_FULL
        (again,) = await after.store.submit([submission(request_id="r")])
        (twin,) = await after.store.submit([submission(live_key="k3")])
        assert isinstance(again, Accepted)
        assert isinstance(twin, Accepted)
        assert (again.record.job.id, twin.replayed, twin.duplicate) == (lease.job_id, True, True)
        last = await after.store.last_sequence()
        await complete(after, lease)
        assert [change.event.sequence for change in after.published] == [last + 1]


async def test_the_clock_never_runs_backwards(engine: str, tmp_path: Path) -> None:
    """Also not over a restart: what was decided later stays later."""
    async with ENGINES[engine](tmp_path) as before:
        first = (await before.submit(submission())).job
        before.clock.advance(-3_600)
        second = (await before.submit(submission())).job
    async with ENGINES[engine](tmp_path, clock=before.clock) as after:
        third = (await after.submit(submission())).job

    assert first.created_ms <= second.created_ms <= third.created_ms


async def test_neighbours_in_time_do_not_disturb_each_other(hand: StoreInHand) -> None:
    """A hundred calls at once, half of them refused: each gets its own answer."""
    jobs = [(await hand.submit(submission())).job for _ in range(40)]
    claimed = await hand.claim(slots=20)
    leases = [Lease(record.job.id, record.job.token) for record in claimed.records]
    waiting = [Lease(job.id, 1) for job in jobs if job.id not in {lease.job_id for lease in leases}]

    results = await asyncio.gather(
        *(hand.store.apply([Complete(lease, DELIVERY)]) for pair in zip(leases, waiting, strict=True) for lease in pair)
    )

    reasons = [result.reason if isinstance(result, ClipferryError) else None for (result,) in results]
    assert reasons == [None, Reason.LEASE_LOST] * 20
    assert [change.event.sequence for change in hand.published] == list(range(1, 81))
