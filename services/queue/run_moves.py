"""A worker's durable moves between their messages and the core: one table for the stream and the unary calls."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clipferry.queue.v1 import job_pb2, worker_service_pb2
from services.chassis.errors import ClipferryError, field_invalid
from services.chassis.status import to_status
from services.chassis.wire import span_s
from services.queue.core.moves import BeginSend, CommitSend, Complete, Fail, Move, Release, Resize
from services.queue.core.ports import Record
from services.queue.core.worker import Answered
from services.queue.wire import error_of, lease_of, packed

_REASON = re.compile(r"[A-Z0-9_]{1,64}")
_MESSAGE_LENGTH = 1_000
"""A longer message is cut: refusing the failure would leave the run without an end."""
_LONGEST_WAIT_S = 86_400.0
"""Sites may ask for years; a job that waits takes a place in the queue."""


def begin_send(request: worker_service_pb2.BeginSendRequest) -> Move:
    """Return the move of a BeginSend."""
    media = packed(request.media) if request.HasField("media") else None
    return BeginSend(lease_of(request.lease), request.size_bytes, media)


def commit_send(request: worker_service_pb2.CommitSendRequest) -> Move:
    """Return the move of a CommitSend."""
    return CommitSend(lease_of(request.lease))


def complete_job(request: worker_service_pb2.CompleteJobRequest) -> Move:
    """Return the move of a CompleteJob.

    Raises:
        ClipferryError: FIELD_INVALID without a delivery.
    """
    if not request.HasField("delivery"):
        raise field_invalid("delivery", "is missing: a job is complete when its message is somewhere")
    return Complete(lease_of(request.lease), packed(request.delivery))


def fail_job(request: worker_service_pb2.FailJobRequest) -> Move:
    """Return the move of a FailJob.

    Raises:
        ClipferryError: FIELD_INVALID without a reason, or with a wait that is none.
    """
    if not _REASON.fullmatch(request.error.reason):
        raise field_invalid("error.reason", "must be 1 to 64 of A to Z, 0 to 9 and _", request.error.reason)
    retry_after_s = span_s(request.retry_after) if request.HasField("retry_after") else None
    if retry_after_s is not None:
        if retry_after_s < 0:
            raise field_invalid("retry_after", "must be at least 0 s", retry_after_s)
        retry_after_s = min(retry_after_s, _LONGEST_WAIT_S)
    error = error_of(request.error)
    return Fail(
        lease_of(request.lease),
        error._replace(message=error.message[:_MESSAGE_LENGTH]),
        retry_after_s,
        request.not_sent,
    )


def resize_reservation(request: worker_service_pb2.ResizeReservationRequest) -> Move:
    """Return the move of a ResizeReservation."""
    return Resize(lease_of(request.lease), request.reserved_bytes)


_MOVES: Mapping[str, Callable[[Any], Move]] = {
    "begin_send": begin_send,
    "commit_send": commit_send,
    "complete_job": complete_job,
    "fail_job": fail_job,
    "resize_reservation": resize_reservation,
}


def moves_of(message: worker_service_pb2.Move) -> list[Move]:
    """Return the moves of a message: one, or one for each lease of a ReleaseJobs.

    Raises:
        ClipferryError: FIELD_INVALID.
    """
    kind = message.WhichOneof("kind")
    if kind is None:
        raise field_invalid("moves.kind", "is missing")
    if kind == "release_jobs":
        return [Release(lease_of(lease)) for lease in message.release_jobs.leases]
    return [_MOVES[kind](getattr(message, kind))]


def released_count(results: Sequence[Record | ClipferryError]) -> int:
    """Return how many runs were handed back.

    Raises:
        ClipferryError: The first refusal, when none was.
    """
    refusals = [result for result in results if isinstance(result, ClipferryError)]
    if refusals and len(refusals) == len(results):
        raise refusals[0]
    return len(results) - len(refusals)


def fill_answer(answer: worker_service_pb2.Answer, answered: Answered) -> None:
    """Fill an Answer in place: nothing is copied twice."""
    answer.correlation_id = answered.correlation_id
    outcome = answered.outcome
    if isinstance(outcome, ClipferryError):
        answer.error.CopyFrom(to_status(outcome))
    elif isinstance(outcome, int):
        answer.release_jobs.released_count = outcome
    else:
        _fill(answer, answered.move, outcome)


def _fill(answer: worker_service_pb2.Answer, move: Move | None, record: Record) -> None:
    match move:
        case BeginSend():
            answer.begin_send.SetInParent()
        case CommitSend():
            answer.commit_send.SetInParent()
        case Resize():
            answer.resize_reservation.reserved_bytes = record.job.reserved_bytes
        case Complete():
            answer.complete_job.SetInParent()
        case _:
            answer.fail_job.SetInParent()


def job_of(record: Record) -> job_pb2.Job:
    """Return a job as it is answered to a worker."""
    return job_pb2.Job.FromString(record.body)
