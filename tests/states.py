"""The state machine as it decides: every call tried on a job in every situation, as a table and as a diagram."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.job import ACTIVE, ENDED, WAITING, Job, JobError, State
from services.queue.core.lease import MAX_EXTRA_RUNS, Lease, Policy, claimed, is_expired, reaped
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
from tests.fakes.queue_jobs import job as example

_POLICY = Policy()
_NOW_MS = 1_000
_STALE_MS = _NOW_MS + _POLICY.lease_ttl_ms + 1
_RETRYABLE = JobError("STALLED", "", retryable=True)
_FINAL = JobError("NO_VIDEO", "", retryable=False)
_FLOOD = JobError("TELEGRAM_FLOOD", "", retryable=True)
_FLOOD_S = 5.0


class Call(NamedTuple):
    """Something that can happen to a job."""

    title: str
    """As in the head of the table."""
    act: Callable[[Job], Job | None]
    """Returns the job after it; None when it never happens to such a job. Raises when it is refused."""

    @property
    def name(self) -> str:
        """As on an arrow: without what tells calls of one kind apart."""
        return self.title.partition(",")[0]


def _move(make: Callable[[Lease], Move], variant: str = "") -> Call:
    name = type(make(Lease("", 0))).__name__

    def act(job: Job) -> Job:
        return make(Lease(job.id, job.token)).decide(job, _NOW_MS, _POLICY)

    return Call(f"{name}, {variant}" if variant else name, act)


def _claim(job: Job) -> Job | None:
    return claimed(job, _NOW_MS, _POLICY, worker_id="worker-1", reserved_bytes=0) if job.state in WAITING else None


def _reap(job: Job) -> Job | None:
    return reaped(job, _STALE_MS, _POLICY) if is_expired(job, _STALE_MS) else None


TABLES: Mapping[str, Sequence[Call]] = {
    "What its worker reports": (
        _move(lambda lease: BeginSend(lease, 0, None)),
        _move(CommitSend),
        _move(lambda lease: Complete(lease, b"")),
        _move(Release),
        _move(lambda lease: Resize(lease, 7)),
    ),
    "A run that fails": (
        _move(lambda lease: Fail(lease, _RETRYABLE, None, not_sent=False), "retryable"),
        _move(lambda lease: Fail(lease, _RETRYABLE, None, not_sent=True), "retryable and surely not sent"),
        _move(lambda lease: Fail(lease, _FLOOD, _FLOOD_S, not_sent=False), "put off"),
        _move(lambda lease: Fail(lease, _FINAL, None, not_sent=False), "for good"),
        Call("silence", _reap),
    ),
    "What the queue and the owner do": (
        Call("claim", _claim),
        _move(lambda lease: Cancel(lease.job_id, "")),
        _move(lambda lease: Finish(lease.job_id, "")),
        _move(lambda lease: Retry(lease.job_id, "", allow_duplicate_delivery=False)),
        _move(lambda lease: Retry(lease.job_id, "", allow_duplicate_delivery=True), "allow_duplicate_delivery"),
    ),
}
CALLS = tuple(itertools.chain.from_iterable(TABLES.values()))

_FLAGS = ("cancel_requested", "finish_requested", "send_committed", "reserved_bytes")


class Situation(NamedTuple):
    """What the outcome of a call depends on, but for how many runs are left and whether a second message is fine."""

    state: State
    cancelling: bool
    committed: bool
    in_doubt: bool
    again: bool

    @property
    def title(self) -> str:
        """As in the first column of the table."""
        notes = {
            "committed": self.committed,
            "cancel wanted": self.cancelling,
            "DELIVERY_UNKNOWN": self.in_doubt,
            "again": self.again,
        }
        return ", ".join([f"**{self.state}**", *(note for note, is_so in notes.items() if is_so)])


class Context(NamedTuple):
    """A situation, and what else an outcome can depend on."""

    situation: Situation
    last_run: bool
    resend_unknown: bool

    @property
    def notes(self) -> set[str]:
        """What is special about it, in words."""
        facts = {
            "when a cancel is wanted": self.situation.cancelling,
            "after the commit": self.situation.committed,
            "on the last run": self.last_run,
            "if a second message is fine": self.resend_unknown,
        }
        return {note for note, is_so in facts.items() if is_so}


class Label(NamedTuple):
    """Calls that make one arrow."""

    names: Sequence[str]
    condition: str
    """In words, what must be so for it; empty: nothing."""

    def __str__(self) -> str:
        return " ".join([", ".join(self.names), *([self.condition] if self.condition else [])])


def situation_of(job: Job) -> Situation:
    """Return where `job` is."""
    active = job.state in ACTIVE
    in_doubt = job.error is not None and job.error.reason == Reason.DELIVERY_UNKNOWN.name
    again = job.state is State.QUEUED and job.version > 1
    return Situation(job.state, active and job.cancel_requested, active and job.send_committed, in_doubt, again)


def situations() -> Mapping[Situation, Job]:
    """Return every situation that calls can lead to, each with a job that came there first."""
    found: dict[Situation, Job] = {}
    ahead = [example(State.QUEUED, id="example")]
    while ahead:
        job = ahead.pop(0)
        if situation_of(job) in found:
            continue
        found[situation_of(job)] = job
        after = (outcome(call, job) for call in CALLS)
        ahead += [each for each in after if isinstance(each, Job)]
    return dict(sorted(found.items(), key=lambda item: (list(State).index(item[0].state), item[0])))


def outcome(call: Call, job: Job) -> Job | Reason | None:
    """Return the job after `call`, why it is refused, or None when it never happens to such a job."""
    try:
        return call.act(job)
    except ClipferryError as refusal:
        return refusal.reason


def arrows() -> Mapping[tuple[State, State], Sequence[Label]]:
    """Return every change of state that calls make, and those that are noted without one; with the calls that do it."""
    contexts: dict[tuple[State, State], dict[str, list[Context]]] = defaultdict(lambda: defaultdict(list))
    for call, (context, job) in itertools.product(CALLS, _contexts()):
        after = outcome(call, job)
        if isinstance(after, Job) and after is not job:
            contexts[job.state, after.state][call.name].append(context)
    order = list(State)
    pairs = sorted(contexts, key=lambda pair: [order.index(state) for state in pair])
    return {pair: list(_labels(contexts[pair])) for pair in pairs}


def _contexts() -> Iterator[tuple[Context, Job]]:
    for (situation, job), last_run, resend in itertools.product(situations().items(), (False, True), (False, True)):
        max_attempts = job.attempt if last_run else job.attempt + 1
        yield Context(situation, last_run, resend), job._replace(max_attempts=max_attempts, resend_unknown=resend)


def _labels(contexts: Mapping[str, Sequence[Context]]) -> Iterator[Label]:
    """Yield the calls of one arrow, those together that make it under the same condition."""
    by_condition: dict[str, list[str]] = defaultdict(list)
    for name, where in contexts.items():
        common = set.intersection(*(context.notes for context in where))
        by_condition[" ".join(sorted(common))].append(name)
    for condition, names in by_condition.items():
        yield Label(names, condition)


def page() -> str:
    """Return `docs/states.md`."""
    lines = [
        "# States of a job",
        "",
        "Made from the code that decides (`services/queue/core/moves.py`, `lease.py`): `make documents` tries every",
        "call on a job in every situation. A test fails when this page says anything else.",
        "",
        "![The states and the calls between them](states.svg)",
        "",
        "```mermaid",
        *diagram(),
        "```",
        "",
        "*claim*: the queue gives a waiting job that is due to a worker. *silence*: the queue takes back a run whose",
        "lease or deadline is over. Words behind calls say when they do this. An arrow from a state to itself (in the",
        "picture: calls within a box) is a change that is noted and told without another state.",
        "",
        "## Every call in every situation",
        "",
        "A **state**: the job goes there. + `field`: it stays where it is, and that is noted. *same*: granted, nothing",
        "changes. A `REASON`: refused, nothing changes. –: cannot happen. *Last run*: no attempts are left. *Second",
        "message is fine*: the job was submitted with `ON_UNKNOWN_DELIVERY_RETRY`. *Again*: handed back, or retried.",
        "*Put off*: by Telegram, which said for how long; that grants another run, so that such a run is not the last,",
        f"until a job has been granted {MAX_EXTRA_RUNS} beyond `MAX_ATTEMPTS`.",
        "",
        "Finish is for live recordings: of a job that was submitted without `allow_live` it is refused in every state.",
        "`finish_requested` stays through later runs, which record nothing; Retry takes it back.",
    ]
    for title, calls in TABLES.items():
        lines += ["", f"### {title}", "", *_table(calls)]
    return "\n".join(lines) + "\n"


def diagram() -> Iterator[str]:
    """Yield the lines of the Mermaid diagram."""
    yield "stateDiagram-v2"
    yield "    [*] --> QUEUED: submit"
    for (before, after), labels in arrows().items():
        yield f"    {before} --> {after}: {'<br/>'.join(map(str, labels))}"
    for state in State:
        if state in ENDED:
            yield f"    {state} --> [*]"


def _table(calls: Sequence[Call]) -> Iterator[str]:
    yield f"| situation | {' | '.join(call.title for call in calls)} |"
    yield "|---" * (len(calls) + 1) + "|"
    for situation, job in situations().items():
        yield f"| {situation.title} | {' | '.join(_cell(call, job) for call in calls)} |"


def _cell(call: Call, job: Job) -> str:
    usual = _in_words(call, job._replace(max_attempts=job.attempt + 1))
    last = _in_words(call, job._replace(max_attempts=job.attempt))
    fine = _in_words(call, job._replace(max_attempts=job.attempt + 1, resend_unknown=True))
    both = _in_words(call, job._replace(max_attempts=job.attempt, resend_unknown=True))
    notes = {
        "last run": (last, usual),
        "second message is fine": (fine, usual),
        "both": (both, last if fine == usual else fine),
    }
    others = [f"*{name}*: {said}" for name, (said, known) in notes.items() if said != known]
    return "; ".join([usual, *others])


def _in_words(call: Call, job: Job) -> str:
    after = outcome(call, job)
    if after is None:
        return "–"
    if isinstance(after, Reason):
        return f"`{after.name}`"
    if after is job:
        return "*same*"
    if after.state is job.state:
        return " ".join(f"+ `{field}`" for field in _FLAGS if getattr(after, field) != getattr(job, field))
    return " ".join([f"**{after.state}**", *(["`DELIVERY_UNKNOWN`"] if situation_of(after).in_doubt else [])])
