"""Any calls in any order: every store stays equal to a model of what is promised, and no change breaks a law."""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from clipferry.queue.v1 import job_pb2
from services.queue.core.job import Job, JobError, State
from services.queue.core.lease import Lease
from services.queue.core.ledger import Limits
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
from services.queue.core.ports import Submission
from tests.contract.machine_job import ACTIVE, ENDED, GRANTED, WAITING
from tests.contract.machine_pair import Pair
from tests.fakes.job_stores import ENGINES

DELIVERY = job_pb2.Delivery(chat_id=1, message_id=2).SerializeToString()
OTHER_SPEC = job_pb2.JobSpec(caption="other").SerializeToString()
RETRYABLE = JobError("STALLED", "No bytes arrived for too long.", retryable=True)
FINAL = JobError("NO_VIDEO", "There is no video on the page.", retryable=False)
FLOOD = JobError("TELEGRAM_FLOOD", "Telegram asks to slow down.", retryable=True)
DOUBT = JobError("DELIVERY_UNKNOWN", "The message may have arrived.", retryable=False)

WORKERS_CALLS: Mapping[str, Callable[[Lease], Move]] = {
    "begin": lambda lease: BeginSend(lease, 5, None),
    "commit": CommitSend,
    "complete": lambda lease: Complete(lease, DELIVERY),
    "fail": lambda lease: Fail(lease, RETRYABLE, None, not_sent=False),
    "fail, later": lambda lease: Fail(lease, RETRYABLE, 100.0, not_sent=False),
    "put off": lambda lease: Fail(lease, FLOOD, 100.0, not_sent=False),
    "fail for good": lambda lease: Fail(lease, FINAL, None, not_sent=False),
    "fail, not sent": lambda lease: Fail(lease, RETRYABLE, None, not_sent=True),
    "fail, in doubt": lambda lease: Fail(lease, DOUBT, None, not_sent=False),
    "release": Release,
    "resize": lambda lease: Resize(lease, 7),
}
OWNERS_CALLS: Mapping[str, Callable[[str, str], Move]] = {
    "cancel": Cancel,
    "finish": Finish,
    "retry": lambda job_id, owner: Retry(job_id, owner, allow_duplicate_delivery=False),
    "retry, twice is fine": lambda job_id, owner: Retry(job_id, owner, allow_duplicate_delivery=True),
}

OWNERS = st.sampled_from(["ann", "bob"])
JOBS = st.integers(0, 19)
"""Which job, counted from the newest."""
AGES = st.sampled_from([0, 0, 0, 0, 1, 2, -1])
"""Whose lease: the present run's mostly, an earlier one's, or one that there never was."""
CALL_NAMES = [*WORKERS_CALLS, *OWNERS_CALLS]
CALLS = st.sampled_from(CALL_NAMES)
DEEPER = ["processing", "sending", "committed"]
STAGES = st.sampled_from([*DEEPER, "sending"])
PRESENT_CALLS = st.sampled_from([[], ["complete"], ["begin", "commit"], ["cancel"]])
WISHES = st.fixed_dictionaries(
    {
        "owner": OWNERS,
        "live_key": st.sampled_from(["k1", "k2", *[""] * 4]),
        "request_id": st.sampled_from(["r1", "r2", *[None] * 4]),
        "spec": st.sampled_from([b"", b"", OTHER_SPEC]),
        "priority": st.sampled_from([0, 0, 5]),
        "run_timeout_ms": st.sampled_from([600_000, 40_000]),
        "resend_unknown": st.booleans(),
    }
)
NEW_WISH: Mapping[str, Any] = {
    "owner": "bob",
    "live_key": "",
    "request_id": None,
    "spec": b"",
    "priority": 5,
    "run_timeout_ms": 600_000,
    "resend_unknown": False,
}
LIMITS = st.builds(
    Limits,
    max_waiting=st.integers(2, 6),
    max_waiting_per_owner=st.sampled_from([0, 2]),
    max_running=st.sampled_from([0, 3]),
    max_running_per_owner=st.sampled_from([0, 1, 2]),
)

LONG_RUN = "MACHINE_EXAMPLES" in os.environ
SHRINK = LONG_RUN or "MACHINE_SHRINK" in os.environ
STORIES = {"sqlite": 100, "postgresql": 60}
"""How many are told to each engine: a server takes longer to answer."""
SETTINGS = settings(
    stateful_step_count=40,
    phases=[Phase.generate, *[Phase.shrink] * SHRINK],
    derandomize=not LONG_RUN,
    report_multiple_bugs=False,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class StoreMachine(RuleBasedStateMachine):
    """What everybody may do, at any time."""

    pair: Pair

    def __init__(self, engine: str, folder: Path) -> None:
        super().__init__()
        self.engine = engine
        self.folder = folder
        self.ids: list[str] = []
        """Of every job that was ever asked for, also those that were refused or are forgotten."""
        self.closing = ExitStack()

    def teardown(self) -> None:
        self.closing.close()

    @initialize(limits=LIMITS, wishes=st.lists(WISHES, min_size=1, max_size=4))
    def begin(self, limits: Limits, wishes: list[dict[str, Any]]) -> None:
        self.pair = self.closing.enter_context(closing(Pair(self.engine, self.folder, limits)))
        self.submit(wishes)

    @rule(wishes=st.lists(WISHES, min_size=1, max_size=3))
    def submit(self, wishes: list[dict[str, Any]]) -> None:
        asked = [self.submission(**wish) for wish in wishes]
        self.pair.submit(asked)

    @rule(slots=st.lists(st.integers(0, 4), min_size=1, max_size=2))
    def claim(self, slots: list[int]) -> None:
        self.pair.claim(slots)

    @rule(calls=st.lists(st.tuples(JOBS, CALLS, AGES, st.booleans()), min_size=1, max_size=6))
    def call(self, calls: list[tuple[int, str, int, bool]]) -> None:
        """Several moves in one call, of anybody on any job."""
        self.pair.apply(
            [self.move(self.job_id(number), call, age, anybody=anybody) for number, call, age, anybody in calls]
        )

    @rule(beats=st.lists(st.tuples(JOBS, AGES), min_size=1, max_size=5))
    def beat(self, beats: list[tuple[int, int]]) -> None:
        self.pair.renew([self.lease(self.job_id(number), age) for number, age in beats])

    @rule(limit=st.sampled_from([1, 100]))
    def reap(self, limit: int) -> None:
        self.pair.reap(limit)

    @rule(by_s=st.sampled_from([0.001, 1, 15, 30, 30.001, 60]))
    def advance(self, by_s: float) -> None:
        self.pair.advance(by_s)

    @rule(older_than_s=st.sampled_from([0, 60]), keep_events=st.sampled_from([0, 5, 100]))
    def purge(self, older_than_s: float, keep_events: int) -> None:
        self.pair.purge(older_than_s=older_than_s, keep_events=keep_events)
        self.pair.check_whole_log()

    @rule(away_s=st.sampled_from([0, 1_000]))
    def restart(self, away_s: float) -> None:
        self.pair.restart(away_s)

    @rule(number=JOBS, stage=STAGES, cancelled=st.booleans(), calls=st.permutations(CALL_NAMES))
    def call_everything_when_deep(self, number: int, stage: str, cancelled: bool, calls: list[str]) -> None:
        """Bring a job far, which single steps seldom do, and then try every call on it, in any order."""
        job_id = self.live_job_id(number)
        if self.drive(job_id, stage):
            self.pair.apply([self.move(job_id, call) for call in ["cancel"] * cancelled + calls])

    @rule(number=JOBS, stage=st.sampled_from(DEEPER), call=st.sampled_from(["begin", "commit", "complete", "release"]))
    def cancel_when_deep(self, number: int, stage: str, call: str) -> None:
        """Before the point of no return a cancel wins, after it the message."""
        job_id = self.live_job_id(number)
        if self.drive(job_id, stage):
            self.pair.apply([self.move(job_id, "cancel"), self.move(job_id, call)])

    @rule(number=JOBS, stage=STAGES, cancelled=st.booleans(), present=PRESENT_CALLS, call=CALLS)
    def come_back_from_the_dead(self, number: int, stage: str, cancelled: bool, present: list[str], call: str) -> None:
        """A worker is silent for too long, the job runs elsewhere, and then the first worker calls."""
        job_id = self.live_job_id(number)
        if self.drive(job_id, stage):
            self.pair.apply([self.move(job_id, "cancel")] * cancelled)
            self.pair.advance(31)
            self.pair.reap(100)
            self.drive(job_id, "processing")
            self.pair.apply([self.move(job_id, each) for each in present])
            self.pair.apply([self.move(job_id, call, age=1)])

    @rule(number=JOBS, stage=STAGES, silent=st.booleans(), call=CALLS | st.just("beat"))
    def call_when_overdue(self, number: int, stage: str, silent: bool, call: str) -> None:
        """A worker comes late, and just before the reaper: it was silent, or it beat for longer than a run may take."""
        job_id = self.live_job_id(number)
        if not self.drive(job_id, stage):
            return
        if silent:
            self.pair.advance(31)
        else:
            self.beat_until_over(job_id)
        if call == "beat":
            self.pair.renew([self.lease(job_id)])
            self.pair.reap(100)
        else:
            self.pair.apply_and_reap([self.move(job_id, call)])

    @rule(number=JOBS, wish=WISHES)
    def retry_when_crowded(self, number: int, wish: dict[str, Any]) -> None:
        """Whoever runs an ended job again needs room for it, like everybody else."""
        job_id = self.live_job_id(number)
        if self.drive(job_id, "processing"):
            self.pair.apply([self.move(job_id, "fail for good")])
            self.submit([wish | {"live_key": "", "request_id": None}] * 5)
            self.pair.apply([self.move(job_id, "retry")])

    @rule(number=JOBS, stage=STAGES, cancelled=st.booleans())
    def wish_for_the_same_again(self, number: int, stage: str, cancelled: bool) -> None:
        """It is that job, for as long as somebody wants it."""
        job_id = self.live_job_id(number)
        if self.drive(job_id, stage):
            self.pair.apply([self.move(job_id, "cancel")] * cancelled)
            job = self.pair.model.jobs[job_id]
            again = self.submission(**NEW_WISH)
            self.pair.submit([again._replace(owner=job.owner, live_key=job.live_key)])

    @rule(number=JOBS, call=st.sampled_from(["fail", "fail, not sent", "release", "silence"]))
    def fail_again_and_again(self, number: int, call: str) -> None:
        job_id = self.live_job_id(number)
        for _ in range(GRANTED + 1):
            if not self.drive(job_id, "sending"):
                return
            if call == "silence":
                self.pair.advance(31)
                self.pair.reap(100)
            else:
                self.pair.apply([self.move(job_id, call)])

    @invariant()
    def jobs_are_as_foreseen(self) -> None:
        self.pair.check_jobs()

    @invariant()
    def log_is_as_foreseen(self) -> None:
        self.pair.check_log()

    def submission(self, owner: str, live_key: str, **fields: Any) -> Submission:
        """Return a wish with an id of its own; no `live_key`: unlike any other."""
        job_id = f"01900000-0000-7000-8000-{len(self.ids):012d}"
        self.ids.append(job_id)
        return Submission(job_id, owner, live_key=f"{owner} {live_key or job_id}", **fields)

    def job_id(self, number: int) -> str:
        """Return a job that there is, the newest for 0; for a high `number` perhaps one that is not there."""
        known = [*self.ids, *self.pair.model.jobs]
        return known[-1 - number % len(known)]

    def live_job_id(self, number: int) -> str:
        """Return a job of which more can become, a new one if need be."""
        job = self.pair.model.jobs.get(self.job_id(number))
        if job is not None and job.state is not State.COMPLETED:
            return job.id
        self.pair.claim([10])  # makes room
        self.pair.submit([self.submission(**NEW_WISH)])
        return self.ids[-1]

    def lease(self, job_id: str, age: int = 0) -> Lease:
        job = self.pair.model.jobs.get(job_id)
        return Lease(job_id, 1 if job is None else job.token - age)

    def move(self, job_id: str, call: str, age: int = 0, *, anybody: bool = True) -> Move:
        if call in WORKERS_CALLS:
            return WORKERS_CALLS[call](self.lease(job_id, age))
        return OWNERS_CALLS[call](job_id, "" if anybody else "ann")

    def drive(self, job_id: str, stage: str) -> bool:
        """Bring a job to `stage`, whatever it takes; returns whether it could be done."""
        for _ in range(10):
            job = self.pair.model.jobs.get(job_id)
            if job is None or job.state is State.COMPLETED:
                return False
            if _stage(job) == stage:
                return True
            self.bring_nearer(job, stage)
        return False

    def beat_until_over(self, job_id: str) -> None:
        """Let the deadline of a run pass, but not its lease."""
        deadline_ms = self.pair.model.jobs[job_id].deadline_ms or 0
        while deadline_ms >= self.pair.now_ms:
            self.pair.renew([self.lease(job_id)])
            self.pair.advance(min(25_000, deadline_ms + 1 - self.pair.now_ms) / 1000)

    def bring_nearer(self, job: Job, stage: str) -> None:
        here = _stage(job)
        if job.state in WAITING:
            self.pair.advance(max(0, job.not_before_ms - self.pair.now_ms) / 1000)
            self.pair.claim([10])
        elif job.state in ENDED and self.pair.model.is_full(job.owner):
            self.pair.claim([10])
        elif job.state in ENDED:
            self.pair.apply([self.move(job.id, "retry, twice is fine")])
        elif here is not None and DEEPER.index(here) < DEEPER.index(stage):
            self.pair.apply([self.move(job.id, "begin" if here == "processing" else "commit")])
        else:
            self.pair.apply([self.move(job.id, "fail, not sent")])


def _stage(job: Job) -> str | None:
    """Return how deep a run is; None when there is none, or nobody wants it any more."""
    if job.state not in ACTIVE or job.cancel_requested:
        return None
    return "committed" if job.send_committed else job.state.lower()


@pytest.mark.timeout(0 if SHRINK else 120)
@pytest.mark.parametrize("engine", ENGINES)
def test_any_calls_in_any_order(engine: str, tmp_path: Path) -> None:
    """The same stories each time.

    MACHINE_SHRINK=1 looks for a shorter one when one fails, for some minutes; MACHINE_EXAMPLES=5000 tells so many new
    ones, and shrinks.
    """

    class MachineOfTheEngine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(engine, Path(tempfile.mkdtemp(dir=tmp_path)))

    stories = int(os.environ.get("MACHINE_EXAMPLES", STORIES[engine]))
    run_state_machine_as_test(MachineOfTheEngine, settings=settings(SETTINGS, max_examples=stories))
