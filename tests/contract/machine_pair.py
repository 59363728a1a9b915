"""A store and its model side by side: whatever is called on both, they must stay equal."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import Job, State
from services.queue.core.lease import Lease
from services.queue.core.ledger import Limits
from services.queue.core.moves import Move
from services.queue.core.ports import Accepted, Event, Query, Reaped, Record, Submission
from tests.contract import machine_job
from tests.contract.machine_job import TTL_MS
from tests.contract.machine_model import Logged, Model
from tests.fakes.clock import FakeClock
from tests.fakes.job_stores import ENGINES, StoreInHand, offer

T = TypeVar("T")

_FREE_BYTES = 1_000_000
"""More than all jobs together take: what fits where is not the question here."""


class Pair:
    """One store and its model, on one event loop.

    Args:
        engine: A name of `ENGINES`.
        folder: Of the store; empty.
        limits: Of the queue.
    """

    def __init__(self, engine: str, folder: Path, limits: Limits) -> None:
        self.model = Model(limits)
        self._open = partial(ENGINES[engine], folder, **limits._asdict())
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._checked_count = 0
        """Entries of the log that were seen published."""
        self._promised_ms: dict[Lease, int] = {}
        """Until when nobody may take each run from its worker."""
        self._hand = self._start(None)

    @property
    def now_ms(self) -> int:
        """The time of both."""
        return self._hand.clock.time_ms()

    def close(self) -> None:
        """Close the store and the loop."""
        self._run(self._stack.aclose())
        self._runner.close()

    def restart(self, away_s: float) -> None:
        """Close the store and open it again after `away_s` seconds; nobody is blamed for the time between."""
        self._run(self._stack.aclose())
        self.advance(away_s)
        self._hand = self._start(self._hand.clock)
        self.check_whole_log()
        self._run(self._hand.store.renew([]))  # Some engines look only at their first call how long they were away.
        for job in self._run(self._hand.store.active()):
            self.model.grant_grace(job)
            if away_s:
                assert not machine_job.over_time(self.model.jobs[job.id], self.now_ms), "blamed for the queue's absence"

    def advance(self, by_s: float) -> None:
        """Let time pass."""
        self._hand.clock.advance(by_s)

    def submit(self, asked: Sequence[Submission]) -> None:
        """Submit in one call."""
        results = self._run(self._hand.store.submit(asked))
        for each, result in zip(asked, results, strict=True):
            answer = result.record.job.id if isinstance(result, Accepted) else result.reason
            assert answer in self.model.answers(each), f"{answer}, not one of {self.model.answers(each)}"
            if answer == each.job_id:
                self.model.accept(each, self.now_ms)
            if isinstance(result, Accepted):
                self.model.remember(each, result.record.job.id)
            assert isinstance(result, ClipferryError) or result.replayed == (answer != each.job_id)

    def apply(self, moves: Sequence[Move]) -> None:
        """Make moves in one call."""
        foreseen = [self.model.apply(move, self.now_ms) for move in moves]
        _check_results(moves, foreseen, self._run(self._hand.store.apply(moves)))

    def apply_and_reap(self, moves: Sequence[Move]) -> None:
        """Make moves, and take expired runs back, both at once: they share a commit, in the order of the calls."""

        async def at_once() -> tuple[Sequence[Record | ClipferryError], Sequence[Reaped]]:
            return await asyncio.gather(self._hand.store.apply(moves), self._hand.store.reap(limit=100))

        foreseen = [self.model.apply(move, self.now_ms) for move in moves]
        results, reaped = self._run(at_once())
        _check_results(moves, foreseen, results)
        self._take_back(reaped, 100)

    def claim(self, slots: Sequence[int]) -> None:
        """Begin runs on one worker for each of `slots`, until they are full or nothing comes any more."""
        free = {f"worker-{number}": count for number, count in enumerate(slots)}
        while True:
            claimed = self._run(self._hand.store.claim([offer(*each, _FREE_BYTES) for each in free.items()]))
            self.model.claim(free, claimed, self.now_ms)
            self._promise([Lease(record.job.id, record.job.token) for record in claimed.records])
            if not claimed.records:
                return

    def renew(self, leases: Sequence[Lease]) -> None:
        """Beat."""
        renewed = self._run(self._hand.store.renew(leases))
        assert set(renewed) == self.model.renew(leases, self.now_ms)
        self._promise(list(renewed))

    def reap(self, limit: int) -> None:
        """Take expired runs back."""
        self._take_back(self._run(self._hand.store.reap(limit=limit)), limit)

    def purge(self, *, older_than_s: float, keep_events: int) -> None:
        """Forget what ended long ago, and old entries of the log."""
        ended_for_ms = round(older_than_s * 1000)
        foreseen = self.model.purge(ended_before_ms=self.now_ms - ended_for_ms, keep_events=keep_events)
        purge = self._hand.store.purge(ended_for_ms=ended_for_ms, keep_events=keep_events, limit=10_000)
        assert self._run(purge) == foreseen

    def check_jobs(self) -> None:
        """Every job is as foreseen, in every field."""
        page = self._run(self._hand.store.page(Query(limit=1_000)))
        assert {record.job.id: _shown(record.job) for record in page.records} == {
            job.id: _shown(job) for job in self.model.jobs.values()
        }
        assert page.sequence == len(self.model.log)

    def check_log(self) -> None:
        """The log goes on with one entry for each version, without a gap, and the same was published."""
        fresh = self._run(self._hand.store.events(self._checked_count, limit=100_000))
        assert [_logged(event) for event in fresh] == self.model.log[self._checked_count :]
        published = [change.event for change in self._hand.published]
        self._hand.published.clear()
        assert published == fresh
        self._checked_count = len(self.model.log)

    def check_whole_log(self) -> None:
        """The log still says what it said, but for what it may forget."""
        kept = self._run(self._hand.store.events(0, limit=100_000))
        assert [_logged(event) for event in kept] == self.model.log[self.model.forgotten_count :]

    def _take_back(self, reaped: Sequence[Reaped], limit: int) -> None:
        expired = self.model.expired(self.now_ms)
        for run in reaped:
            assert self._promised_ms[run.lease] < self.now_ms, "taken within the time that it was promised"
            assert expired[run.lease] == run.worker_id
            self.model.reap(run.lease, self.now_ms)
        assert len({run.lease for run in reaped}) == len(reaped) == min(limit, len(expired))

    def _promise(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            deadline_ms = self.model.jobs[lease.job_id].deadline_ms
            assert deadline_ms is not None
            self._promised_ms[lease] = min(self.now_ms + TTL_MS, deadline_ms)

    def _start(self, clock: FakeClock | None) -> StoreInHand:
        return self._run(self._stack.enter_async_context(self._open(clock=clock)))

    def _run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self._runner.run(awaited())


def _check_results(
    moves: Sequence[Move], foreseen: Sequence[Job | Reason], results: Sequence[Record | ClipferryError]
) -> None:
    for move, expected, result in zip(moves, foreseen, results, strict=True):
        if isinstance(result, ClipferryError):
            assert result.reason is expected, f"{move}: {result}, not {expected}"
        else:
            assert isinstance(expected, Job), f"{move} was done in spite of {expected}"
            assert _shown(result.job) == _shown(expected)


def _shown(job: Job) -> dict[str, Any]:
    """Return what must be equal: all but the turn, which is not foreseen, and the words of an error."""
    return job._asdict() | {"fair_key": None, "error": job.error and job.error.reason}


def _logged(event: Event) -> Logged:
    job = job_pb2.Job.FromString(event.body)
    state = State(job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_"))
    return Logged(event.sequence, event.job_id, event.owner, job.version, state, job.attempt, job.cancel_requested)
