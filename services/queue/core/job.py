"""A job, the states it goes through, and the moves between them that exist."""

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.chassis.errors import ClipferryError, Reason


class State(enum.StrEnum):
    """A job's life."""

    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    SENDING = "SENDING"
    RETRY_WAIT = "RETRY_WAIT"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


WAITING = frozenset({State.QUEUED, State.RETRY_WAIT})
"""States that wait for a worker; what MAX_QUEUE_SIZE counts."""

ACTIVE = frozenset({State.PROCESSING, State.SENDING})
"""States in which a worker holds the lease."""

ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
"""States that only RetryJob leaves."""

NEXT: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.PROCESSING, State.CANCELLED}),
    State.PROCESSING: frozenset(
        {State.SENDING, State.QUEUED, State.RETRY_WAIT, State.COMPLETED, State.FAILED, State.CANCELLED}
    ),
    State.SENDING: frozenset({State.QUEUED, State.RETRY_WAIT, State.COMPLETED, State.FAILED, State.CANCELLED}),
    State.RETRY_WAIT: frozenset({State.PROCESSING, State.CANCELLED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}
"""Every legal move. QUEUED after a run means that it was handed back; after an end, that a person retries it."""


class JobError(NamedTuple):
    """Why a run failed."""

    reason: str
    """UPPER_SNAKE_CASE, a name of `services.chassis.errors.Reason`."""
    message: str
    """One sentence for people."""
    retryable: bool
    """Whether another run may help."""
    metadata: Mapping[str, str] = {}
    """Numbers and names behind the message."""


class Job(NamedTuple):
    """One job as it is kept. Never changed in place: moves return a new one.

    Times are milliseconds since 1970 by the store's clock. A tuple, because thousands are made a second and because its
    fields are, in this order, the columns of the store.
    """

    id: str
    """UUIDv7, lower case."""
    state: State
    owner: str
    request_id: str | None
    """Idempotency key; None when none was given."""
    live_key: str
    """Equal for two jobs that would deliver the same to the same place."""
    spec: bytes
    """What was asked for, as the wire has it. The core passes it on and never looks inside."""
    priority: int
    """-10 to 10, higher first."""
    fair_key: int
    """Place among jobs of one priority: lower first (`services.queue.core.ledger`)."""
    not_before_ms: int
    """Earliest next run."""
    attempt: int
    """Runs started so far."""
    max_attempts: int
    """Runs granted."""
    token: int
    """Fencing token of the newest run. Only rises."""
    worker_id: str | None
    """Who holds the newest run."""
    lease_until_ms: int | None
    """End of the lease; set exactly while the job is active."""
    deadline_ms: int | None
    """End of the run, however often it is renewed; set exactly while the job is active."""
    run_timeout_ms: int
    """Longest run."""
    resend_unknown: bool
    """Whether the owner accepts a second message when it is not known whether the first arrived."""
    reserved_bytes: int
    """Memory for the run; 0 when unknown."""
    cancel_requested: bool
    finish_requested: bool
    send_committed: bool
    """Whether this run is past the point of no return."""
    media: bytes | None
    """What is known of the media, as the wire has it."""
    delivery: bytes | None
    """Where the message is, as the wire has it."""
    error: JobError | None
    version: int
    """Rises by one with every durable change."""
    created_ms: int
    updated_ms: int
    started_ms: int | None
    """When the newest run began."""
    ended_ms: int | None
    traceparent: str = ""
    """W3C traceparent of the submit. Empty: it was not traced."""

    @property
    def name(self) -> str:
        """Resource name."""
        return f"jobs/{self.id}"


_PLACE: Mapping[str, int] = {name: place for place, name in enumerate(Job._fields)}
_VERSION, _UPDATED = _PLACE["version"], _PLACE["updated_ms"]


def changed(job: Job, now_ms: int, **fields: Any) -> Job:
    """Return `job` with `fields` replaced: one durable change, so the version rises by one.

    Raises:
        AssertionError: If `NEXT` has no such move; that is our bug, the callers decide before.
    """
    state = fields.get("state", job.state)
    if state is not job.state and state not in NEXT[job.state]:
        raise AssertionError(f"{job.state} cannot become {state}")
    # A third of the time of _replace, which makes a dictionary and a lookup of each of thirty fields.
    values: list[Any] = list(job)
    for name, value in fields.items():
        values[_PLACE[name]] = value
    values[_VERSION] += 1
    values[_UPDATED] = now_ms
    return Job._make(values)


def ended(job: Job, now_ms: int, state: State, **fields: Any) -> Job:
    """Return `job` at its end."""
    return changed(job, now_ms, state=state, lease_until_ms=None, deadline_ms=None, ended_ms=now_ms, **fields)


def wrong_state(job: Job, message: str) -> ClipferryError:
    """Return the error for a verb that the job's state does not allow."""
    return ClipferryError(Reason[f"STATE_{job.state}"], message, job=job.name, state=job.state.value)
