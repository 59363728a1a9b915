"""The named steps of a send, read from the messages that carry them."""

import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from google.protobuf.message import Message

from clipferry.notifier.v1 import notifier_service_pb2 as notifier_pb
from clipferry.queue.v1 import worker_service_pb2 as worker_pb


class Step(enum.Enum):
    """Where a send can be interrupted, in their order. Each is a message on its way, but for one."""

    BEGIN_SEND = "before BeginSend"
    BEGIN_SEND_ANSWER = "after BeginSend"
    COMMIT_SEND = "before CommitSend"
    COMMIT_SEND_ANSWER = "after CommitSend"
    LAST_PART = "before the last part"
    LAST_PART_SENT = "after the last part"
    """The last part was just written to the notifier."""
    OUTCOME = "after the answer"
    """Telegram has answered; the notifier's outcome is on its way."""
    COMPLETE_JOB = "before CompleteJob"
    COMPLETE_JOB_ANSWER = "after CompleteJob"

    @property
    def ends(self) -> frozenset[str]:
        """The two services between which it happens."""
        other = "notifier" if self in (Step.LAST_PART, Step.LAST_PART_SENT, Step.OUTCOME) else "queue"
        return frozenset(("processor", other))


class Passing(NamedTuple):
    """A message to pass on, and the steps of a job that it is."""

    data: bytes
    job_name: str = ""
    before: Step | None = None
    after: Step | None = None


class Reader(Protocol):
    """Reads the messages of one call."""

    def up(self, data: bytes) -> Sequence[Passing]:
        """Return what a message of the client is to be passed on as."""

    def down(self, data: bytes) -> Sequence[Passing]:
        """Return what a message of the server is to be passed on as."""


class PlainReader:
    """Passes everything on as it is."""

    def up(self, data: bytes) -> Sequence[Passing]:
        return [Passing(data)]

    def down(self, data: bytes) -> Sequence[Passing]:
        return [Passing(data)]


_ASKED = {
    "begin_send": (Step.BEGIN_SEND, Step.BEGIN_SEND_ANSWER),
    "commit_send": (Step.COMMIT_SEND, Step.COMMIT_SEND_ANSWER),
    "complete_job": (Step.COMPLETE_JOB, Step.COMPLETE_JOB_ANSWER),
}


class WorkReader:
    """Reads a Work call: each move and each answer travels alone, so that one can be held back and the others not."""

    def __init__(self) -> None:
        self._answers: dict[int, tuple[str, Step]] = {}

    def up(self, data: bytes) -> Sequence[Passing]:
        message = worker_pb.WorkerMessage.FromString(data)
        moves = list(message.moves)
        del message.moves[:]
        return [*_unless_empty(message), *map(self._move, moves)]

    def _move(self, move: worker_pb.Move) -> Passing:
        data = worker_pb.WorkerMessage(moves=[move]).SerializeToString()
        kind = move.WhichOneof("kind") or ""
        if kind not in _ASKED:
            return Passing(data)
        step, answer = _ASKED[kind]
        job_name: str = getattr(move, kind).lease.job_name
        self._answers[move.correlation_id] = (job_name, answer)
        return Passing(data, job_name, before=step)

    def down(self, data: bytes) -> Sequence[Passing]:
        message = worker_pb.QueueMessage.FromString(data)
        answers = list(message.answers)
        del message.answers[:]
        return [*_unless_empty(message), *map(self._answer, answers)]

    def _answer(self, answer: worker_pb.Answer) -> Passing:
        job_name, step = self._answers.pop(answer.correlation_id, ("", None))
        return Passing(worker_pb.QueueMessage(answers=[answer]).SerializeToString(), job_name, before=step)


class SendVideoReader:
    """Reads a SendVideo call, whose header names the job."""

    def __init__(self) -> None:
        self._job_name = ""

    def up(self, data: bytes) -> Sequence[Passing]:
        message = notifier_pb.SendVideoRequest.FromString(data)
        if message.HasField("header"):
            self._job_name = message.header.idempotency_key
        if message.HasField("last_part"):
            return [Passing(data, self._job_name, before=Step.LAST_PART, after=Step.LAST_PART_SENT)]
        return [Passing(data)]

    def down(self, data: bytes) -> Sequence[Passing]:
        message = notifier_pb.SendVideoResponse.FromString(data)
        return [Passing(data, self._job_name, before=Step.OUTCOME if message.HasField("outcome") else None)]


def reader_for(method: str) -> Reader:
    """Return what reads the calls of `method`, such as ``/clipferry.queue.v1.WorkerService/Work``."""
    if method.endswith(".WorkerService/Work"):
        return WorkReader()
    if method.endswith(".NotifierService/SendVideo"):
        return SendVideoReader()
    return PlainReader()


def _unless_empty(message: Message) -> Sequence[Passing]:
    return [Passing(message.SerializeToString())] if message.ByteSize() else []
