"""What happened to a job, step by step, from the queue's log of its changes."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from clipferry.queue.v1 import job_pb2
from gateway.views.job import error_view
from gateway.views.job_shape import ErrorView
from gateway.views.moment import iso
from gateway.views.state import ENDED, RUNNING, WAITING
from services.chassis.wire import time_ms

Kind: TypeAlias = Literal[
    "accepted",
    "started",
    "sending",
    "cancel_requested",
    "finish_requested",
    "retrying",
    "handed_back",
    "completed",
    "failed",
    "cancelled",
    "requeued",
]

_ENDINGS: Mapping[int, Kind] = {
    job_pb2.JOB_STATE_COMPLETED: "completed",
    job_pb2.JOB_STATE_FAILED: "failed",
    job_pb2.JOB_STATE_CANCELLED: "cancelled",
}


class StepView(msgspec.Struct, rename="camel", frozen=True):
    """One thing that happened to a job."""

    at: str
    kind: Kind
    """accepted; started, by a worker; sending; cancel_requested; finish_requested; retrying, as the attempt failed;
    handed_back by a worker that stops, which costs no attempt; completed, failed or cancelled; requeued by hand."""
    attempt: int
    """Which attempt it belongs to; 0 before the first."""
    max_attempts: int
    """Attempts that the job might make then; a retry by hand gives it others."""
    worker: str | None
    """Who ran the attempt. Null before the first one, and for everybody but admins."""
    error: ErrorView | None
    """Why the attempt failed: of `retrying` and `failed`."""
    next_attempt_at: str | None
    """Earliest begin of the next attempt: of `retrying`."""


class HistoryView(msgspec.Struct, rename="camel", frozen=True):
    """What happened to a job, oldest first."""

    job_id: str
    complete: bool
    """False: the oldest steps are not kept any more."""
    steps: list[StepView]


class _Change(NamedTuple):
    kind: Kind
    job: job_pb2.Job
    attempt: int
    at_ms: int


def history_view(job_id: str, events: Sequence[job_pb2.JobEvent], *, shows_workers: bool) -> HistoryView:
    """Return the steps that the events of one job tell of.

    Args:
        job_id: The job's.
        events: What the log still has of it, in order.
        shows_workers: Whether workers, which are named after machines, are named.
    """
    changes: list[_Change] = []
    before: job_pb2.Job | None = None
    for event in events:
        job, at_ms = event.job, time_ms(event.event_time)
        if before is None:
            changes.append(_Change("accepted", job, 0, time_ms(job.create_time)))
        # What a worker hands back is counted back in the same change.
        attempt = before.attempt if before is not None and before.state in RUNNING else job.attempt
        changes += [
            _Change(kind, job, attempt, time_ms(job.start_time) if kind == "started" else at_ms)
            for kind in _kinds(before, job)
        ]
        before = job
    complete = bool(events) and events[0].job.version == 1
    return HistoryView(job_id, complete, [_step(change, shows_workers=shows_workers) for change in changes])


def _kinds(before: job_pb2.Job | None, job: job_pb2.Job) -> list[Kind]:
    """Return what happened between two states of a job; nothing where only its memory changed."""
    was = job_pb2.JOB_STATE_QUEUED if before is None else before.state
    if job.state in ENDED:
        return [_ENDINGS[job.state]]
    if job.state == job_pb2.JOB_STATE_RETRY_WAIT:
        return ["retrying"]
    if job.state == job_pb2.JOB_STATE_QUEUED:
        return ["handed_back"] if was in RUNNING else ["requeued"] if was in ENDED else []
    kinds: list[Kind] = ["started"] if was in WAITING else []
    if job.state == job_pb2.JOB_STATE_SENDING != was:
        kinds.append("sending")
    if job.cancel_requested and not (before is not None and before.cancel_requested):
        kinds.append("cancel_requested")
    if job.finish_requested and not (before is not None and before.finish_requested):
        kinds.append("finish_requested")
    return kinds


def _step(change: _Change, *, shows_workers: bool) -> StepView:
    job, waits = change.job, change.kind == "retrying"
    return StepView(
        at=iso(change.at_ms),
        kind=change.kind,
        attempt=change.attempt,
        max_attempts=job.max_attempts,
        worker=(job.worker_id or None) if shows_workers and change.attempt else None,
        error=error_view(job) if waits or change.kind == "failed" else None,
        next_attempt_at=iso(time_ms(job.next_attempt_time)) if waits else None,
    )
