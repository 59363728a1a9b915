"""Every cell of the table: what each call does to a job in each situation, through the store, on every engine."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import JobError, State
from services.queue.core.lease import MAX_EXTRA_RUNS, Lease
from services.queue.core.moves import (
    BeginSend,
    Cancel,
    CommitSend,
    Complete,
    Fail,
    Finish,
    Move,
    Release,
    Resize,
    Retry,
)
from services.queue.core.ports import Record
from tests.fakes.job_stores import ENGINES, POLICY, StoreInHand, new_lease
from tests.fakes.queue_jobs import submission

RETRYABLE = JobError("STALLED", "No bytes arrived for too long.", retryable=True)
FINAL = JobError("NO_VIDEO", "There is no video on the page.", retryable=False)
FLOOD = JobError("TELEGRAM_FLOOD", "Telegram asks to slow down.", retryable=True)
DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2).SerializeToString()
GAVE_UP = JobError("CANCELLED", "The job was cancelled.", retryable=False)

SITUATIONS = {
    "queued": [],
    "queued again": ["claim", "release"],
    "queued by a retry": ["cancel", "retry"],
    "processing": ["claim"],
    "processing, cancelling": ["claim", "cancel"],
    "sending": ["claim", "begin"],
    "sending, cancelling": ["claim", "begin", "cancel"],
    "sending, committed": ["claim", "begin", "commit"],
    "committed, cancelling": ["claim", "begin", "commit", "cancel"],
    "retry wait": ["claim", "fail"],
    "completed": ["claim", "begin", "commit", "complete"],
    "failed": ["claim", "fail for good"],
    "delivery unknown": ["claim", "begin", "commit", "fail"],
    "cancelled": ["cancel"],
}

MOVES: dict[str, Callable[[Lease], Move]] = {
    "begin": lambda lease: BeginSend(lease, 5, None),
    "commit": CommitSend,
    "complete": lambda lease: Complete(lease, DELIVERY),
    "fail": lambda lease: Fail(lease, RETRYABLE, None, not_sent=False),
    "fail for good": lambda lease: Fail(lease, FINAL, None, not_sent=False),
    "fail, not sent": lambda lease: Fail(lease, RETRYABLE, None, not_sent=True),
    "fail, cancelled": lambda lease: Fail(lease, GAVE_UP, None, not_sent=False),
    "put off": lambda lease: Fail(lease, FLOOD, 5.0, not_sent=False),
    "release": Release,
    "resize": lambda lease: Resize(lease, 7),
    "cancel": lambda lease: Cancel(lease.job_id, "ann"),
    "finish": lambda lease: Finish(lease.job_id, "ann"),
    "retry": lambda lease: Retry(lease.job_id, "ann", allow_duplicate_delivery=False),
    "retry, twice is fine": lambda lease: Retry(lease.job_id, "ann", allow_duplicate_delivery=True),
}

S, R = State, Reason
LOST, WISHED, DOUBT = R.LEASE_LOST, R.CANCEL_REQUESTED, R.DELIVERY_UNKNOWN
COLUMNS = list(MOVES)[:8]
RUN_CELLS: dict[str, list[State | Reason]] = {
    # In the order of COLUMNS: begin, commit, complete, fail, fail for good, fail but not sent, fail as cancelled, put
    # off by Telegram.
    "queued": [LOST] * 8,
    "queued again": [LOST] * 8,
    "queued by a retry": [LOST] * 8,
    "processing": [S.SENDING, LOST, S.COMPLETED, *[S.RETRY_WAIT, S.FAILED] * 2, S.RETRY_WAIT],
    "processing, cancelling": [WISHED, WISHED, S.COMPLETED, *[S.CANCELLED] * 5],
    "sending": [S.SENDING, S.SENDING, S.COMPLETED, *[S.RETRY_WAIT, S.FAILED] * 2, S.RETRY_WAIT],
    "sending, cancelling": [WISHED, WISHED, S.COMPLETED, *[S.CANCELLED] * 5],
    "sending, committed": [LOST, S.SENDING, S.COMPLETED, *[DOUBT] * 2, S.RETRY_WAIT, *[DOUBT] * 2],
    "committed, cancelling": [LOST, S.SENDING, S.COMPLETED, *[DOUBT] * 2, S.CANCELLED, *[DOUBT] * 2],
    "retry wait": [LOST] * 8,
    "completed": [LOST, LOST, S.COMPLETED, *[LOST] * 5],
    "failed": [LOST] * 8,
    "delivery unknown": [LOST] * 8,
    "cancelled": [LOST] * 8,
}
OTHER_CELLS: dict[str, dict[str, State | Reason]] = {
    "queued": {
        "release": LOST,
        "resize": LOST,
        "cancel": S.CANCELLED,
        "finish": R.STATE_QUEUED,
        "retry": R.STATE_QUEUED,
    },
    "queued again": {
        "release": S.QUEUED,
        "resize": LOST,
        "cancel": S.CANCELLED,
        "finish": R.STATE_QUEUED,
        "retry": S.QUEUED,
    },
    "queued by a retry": {
        "release": LOST,
        "resize": LOST,
        "cancel": S.CANCELLED,
        "finish": R.STATE_QUEUED,
        "retry": S.QUEUED,
    },
    "processing": {
        "release": S.QUEUED,
        "resize": S.PROCESSING,
        "cancel": S.PROCESSING,
        "finish": S.PROCESSING,
        "retry": R.STATE_PROCESSING,
    },
    "processing, cancelling": {
        "release": S.CANCELLED,
        "resize": S.PROCESSING,
        "cancel": S.PROCESSING,
        "finish": WISHED,
        "retry": R.STATE_PROCESSING,
    },
    "sending": {
        "release": S.QUEUED,
        "resize": S.SENDING,
        "cancel": S.SENDING,
        "finish": S.SENDING,
        "retry": R.STATE_SENDING,
    },
    "sending, cancelling": {
        "release": S.CANCELLED,
        "resize": S.SENDING,
        "cancel": S.SENDING,
        "finish": S.SENDING,
        "retry": R.STATE_SENDING,
    },
    "sending, committed": {
        "release": LOST,
        "resize": S.SENDING,
        "cancel": S.SENDING,
        "finish": S.SENDING,
        "retry": R.STATE_SENDING,
    },
    "committed, cancelling": {
        "release": LOST,
        "resize": S.SENDING,
        "cancel": S.SENDING,
        "finish": S.SENDING,
        "retry": R.STATE_SENDING,
    },
    "retry wait": {
        "release": LOST,
        "resize": LOST,
        "cancel": S.CANCELLED,
        "finish": R.STATE_RETRY_WAIT,
        "retry": R.STATE_RETRY_WAIT,
    },
    "completed": {
        "release": LOST,
        "resize": LOST,
        "cancel": R.STATE_COMPLETED,
        "finish": R.STATE_COMPLETED,
        "retry": R.STATE_COMPLETED,
    },
    "failed": {
        "release": LOST,
        "resize": LOST,
        "cancel": R.STATE_FAILED,
        "finish": R.STATE_FAILED,
        "retry": S.QUEUED,
    },
    "delivery unknown": {
        "release": LOST,
        "resize": LOST,
        "cancel": R.STATE_FAILED,
        "finish": R.STATE_FAILED,
        "retry": R.STATE_FAILED,
        "retry, twice is fine": S.QUEUED,
    },
    "cancelled": {
        "release": LOST,
        "resize": LOST,
        "cancel": S.CANCELLED,
        "finish": R.STATE_CANCELLED,
        "retry": S.QUEUED,
    },
}
CELLS = [
    (situation, call, outcome)
    for situation in SITUATIONS
    for call, outcome in [*zip(COLUMNS, RUN_CELLS[situation], strict=True), *OTHER_CELLS[situation].items()]
]

REAPED = {
    "queued": S.QUEUED,
    "queued again": S.QUEUED,
    "queued by a retry": S.QUEUED,
    "processing": S.RETRY_WAIT,
    "processing, cancelling": S.CANCELLED,
    "sending": S.RETRY_WAIT,
    "sending, cancelling": S.CANCELLED,
    "sending, committed": R.DELIVERY_UNKNOWN,
    "committed, cancelling": R.DELIVERY_UNKNOWN,
    "retry wait": S.RETRY_WAIT,
    "completed": S.COMPLETED,
    "failed": S.FAILED,
    "delivery unknown": R.DELIVERY_UNKNOWN,
    "cancelled": S.CANCELLED,
}

CLAIMED = dict.fromkeys(("queued", "queued again", "queued by a retry", "retry wait"), S.PROCESSING)


@pytest.fixture(params=ENGINES)
async def hand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreInHand]:
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(ENGINES[request.param](tmp_path))


async def in_situation(hand: StoreInHand, situation: str, **fields: Any) -> Lease:
    """Bring one new job there, through the store only; returns the lease of its newest run."""
    job_id = (await hand.submit(submission(**fields))).job.id
    lease = Lease(job_id, 0)
    for step in SITUATIONS[situation]:
        if step == "claim":
            lease = await new_lease(hand.store, job_id)
        else:
            (result,) = await hand.store.apply([MOVES[step](lease)])
            assert isinstance(result, Record)
    return lease


@pytest.mark.parametrize(("situation", "call", "outcome"), CELLS)
async def test_cell(hand: StoreInHand, situation: str, call: str, outcome: State | Reason) -> None:
    """A legal call moves the job, one version on; any other is refused and changes nothing at all."""
    lease = await in_situation(hand, situation)
    before = await hand.job(lease.job_id)

    (result,) = await hand.store.apply([MOVES[call](lease)])

    after = await hand.job(lease.job_id)
    if isinstance(result, ClipferryError):
        assert (result.reason, after) == (outcome, before)
    elif outcome is Reason.DELIVERY_UNKNOWN:
        assert after.error is not None
        assert (after.state, after.error.reason) == (State.FAILED, outcome.name)
    else:
        assert (result.job, after.state) == (after, outcome)
        assert after.version - before.version in (0, 1)
        assert (after == before) == (after.version == before.version)
    assert after.token == before.token


REPEATS = [
    ("sending", "begin"),
    ("sending, committed", "commit"),
    ("queued again", "release"),
    ("queued by a retry", "retry"),
]


@pytest.mark.parametrize(("situation", "call"), REPEATS)
async def test_a_repeat_whose_answer_was_lost_changes_nothing(hand: StoreInHand, situation: str, call: str) -> None:
    """A queue that dies between commit and answer must not turn a good run into a lost one."""
    lease = await in_situation(hand, situation)
    before = await hand.job(lease.job_id)

    (result,) = await hand.store.apply([MOVES[call](lease)])

    assert isinstance(result, Record)
    assert result.job == before == await hand.job(lease.job_id)


def test_the_table_is_whole() -> None:
    """Each situation has a cell for each call."""
    for situation in SITUATIONS:
        assert set(COLUMNS) | set(OTHER_CELLS[situation]) >= set(MOVES) - {"retry, twice is fine"}


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_reaped(hand: StoreInHand, situation: str) -> None:
    """Only expired runs are taken back, and what becomes of the job depends on whether the message may be out."""
    lease = await in_situation(hand, situation)
    before = await hand.job(lease.job_id)
    hand.clock.advance(31)

    await hand.store.reap(limit=10)

    after = await hand.job(lease.job_id)
    expected = REAPED[situation]
    if expected is Reason.DELIVERY_UNKNOWN:
        assert after.error is not None
        assert (after.state, after.error.reason) == (State.FAILED, expected.name)
    else:
        assert after.state == expected
    assert (after == before) == (before.lease_until_ms is None)


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_claimed(hand: StoreInHand, situation: str) -> None:
    """Only waiting jobs that are due get a run; it has a new token and a new attempt."""
    lease = await in_situation(hand, situation)
    before = await hand.job(lease.job_id)
    hand.clock.advance(20)

    await hand.claim()

    after = await hand.job(lease.job_id)
    if situation in CLAIMED:
        assert (after.state, after.token, after.attempt) == (State.PROCESSING, before.token + 1, before.attempt + 1)
    else:
        assert after == before


@pytest.mark.parametrize("call", [call for call in MOVES if call not in ("cancel", "finish") and "retry" not in call])
async def test_a_stale_worker_changes_nothing(hand: StoreInHand, call: str) -> None:
    """Whatever a worker asks with the token of an earlier run, it learns LEASE_LOST and the present run goes on."""
    stale = await in_situation(hand, "retry wait")
    hand.clock.advance(20)
    present = await new_lease(hand.store, stale.job_id)
    before = await hand.job(stale.job_id)

    (result,) = await hand.store.apply([MOVES[call](stale)])

    assert isinstance(result, ClipferryError)
    assert result.reason is Reason.LEASE_LOST
    assert await hand.job(stale.job_id) == before
    assert present.token > stale.token


@pytest.mark.parametrize("call", [call for call in MOVES if call not in ("cancel", "finish") and "retry" not in call])
async def test_a_stale_worker_is_not_told_that_all_went_well(hand: StoreInHand, call: str) -> None:
    """Also once a later run has completed, which its own worker is told as often as it asks."""
    stale = await in_situation(hand, "retry wait")
    hand.clock.advance(20)
    present = await new_lease(hand.store, stale.job_id)
    for move in ("begin", "commit", "complete"):
        await hand.store.apply([MOVES[move](present)])

    (result,) = await hand.store.apply([MOVES[call](stale)])

    assert isinstance(result, ClipferryError)
    assert result.reason is Reason.LEASE_LOST


async def test_a_retry_by_hand_starts_with_short_waits_again(hand: StoreInHand) -> None:
    """A person is waiting: the backoff counts the attempts that they have granted, not all that there ever were."""
    lease = await in_situation(hand, "failed")
    for _ in range(2):
        await hand.store.apply([MOVES["retry"](lease)])
        lease = await new_lease(hand.store, lease.job_id)
        await hand.store.apply([MOVES["fail for good"](lease)])
    await hand.store.apply([MOVES["retry"](lease)])
    lease = await new_lease(hand.store, lease.job_id)

    await hand.store.apply([MOVES["fail"](lease)])

    job = await hand.job(lease.job_id)
    assert (job.attempt, job.not_before_ms - hand.clock.time_ms()) == (4, 15_000)


async def test_an_owner_who_accepts_a_second_message_gets_another_run(hand: StoreInHand) -> None:
    """After an unknown delivery the job runs again only if it said so at the start."""
    lease = await in_situation(hand, "sending, committed", resend_unknown=True)

    await hand.store.apply([MOVES["fail"](lease)])

    assert (await hand.job(lease.job_id)).state == State.RETRY_WAIT


async def test_a_run_that_telegram_put_off_is_never_the_last(hand: StoreInHand) -> None:
    """The last attempt is still there for the run after the wait."""
    lease = await in_situation(hand, "retry wait")
    states = []
    for call in ("fail", "put off", "fail"):
        hand.clock.advance(1_000)
        lease = await new_lease(hand.store, lease.job_id)
        await hand.store.apply([MOVES[call](lease)])
        states.append((await hand.job(lease.job_id)).state)

    assert states == [State.RETRY_WAIT, State.RETRY_WAIT, State.FAILED]


async def test_hand_backs_leave_as_many_waits_for_telegram(hand: StoreInHand) -> None:
    """However often a job was handed back: what Telegram puts off afterwards still costs no attempt."""
    job_id = (await hand.submit(submission())).job.id
    for call in ["release"] * (MAX_EXTRA_RUNS + 1) + ["put off"] * (POLICY.max_attempts + 1):
        hand.clock.advance(1_000)
        await hand.store.apply([MOVES[call](await new_lease(hand.store, job_id))])

    assert (await hand.job(job_id)).state == State.RETRY_WAIT


async def test_attempts_end(hand: StoreInHand) -> None:
    """A job that fails as often as it may is FAILED with its last error, and a retry by hand grants as many again."""
    lease = await in_situation(hand, "retry wait")
    for _ in range(2):
        hand.clock.advance(1_000)
        lease = await new_lease(hand.store, lease.job_id)
        await hand.store.apply([MOVES["fail"](lease)])

    failed = await hand.job(lease.job_id)
    await hand.store.apply([MOVES["retry"](lease)])
    retried = await hand.job(lease.job_id)

    assert (failed.state, failed.error, failed.attempt) == (State.FAILED, RETRYABLE, 3)
    assert (retried.state, retried.attempt, retried.max_attempts, retried.token) == (State.QUEUED, 3, 6, 3)
