"""Whether what the queue says of a job is what the Bot API saw of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import Reason

_UNKNOWN = Reason.DELIVERY_UNKNOWN.name


@dataclass(frozen=True)
class Ending:
    """How one job has ended, told from both sides."""

    job: job_pb2.Job | None
    """As the queue keeps it; None when it knows no such job."""
    message_ids: Sequence[int]
    """Messages that arrived for it."""

    @property
    def state(self) -> str:
        """Such as ``COMPLETED``; ``DELIVERY_UNKNOWN`` stands for itself."""
        if self.job is None:
            return "NOT_FOUND"
        if self.job.state == job_pb2.JOB_STATE_FAILED and self.job.error.reason == _UNKNOWN:
            return _UNKNOWN
        return job_pb2.JobState.Name(self.job.state).removeprefix("JOB_STATE_")

    @property
    def is_lost(self) -> bool:
        """Whether it was accepted and never came to an end, or to nothing although it is called delivered."""
        return self.state not in _MESSAGE_COUNTS or (self.state == "COMPLETED" and not self.message_ids)

    @property
    def is_doubled(self) -> bool:
        """Whether its message arrived more than once."""
        return len(self.message_ids) > 1

    @property
    def lie(self) -> str:
        """What is wrong with it; empty when it is true."""
        if self.job is None:
            return "the queue does not know it"
        allowed = _MESSAGE_COUNTS.get(self.state)
        if allowed is None:
            return f"it has not ended: {self.state}"
        if len(self.message_ids) not in allowed:
            return f"it is {self.state} ({self.job.error.reason or 'no error'}) with messages {list(self.message_ids)}"
        if self.state == "COMPLETED" and self.job.delivery.message_id != self.message_ids[0]:
            return f"it says message {self.job.delivery.message_id}, it is message {self.message_ids[0]}"
        return ""


_MESSAGE_COUNTS: Mapping[str, frozenset[int]] = {
    "COMPLETED": frozenset((1,)),
    "FAILED": frozenset((0,)),
    "CANCELLED": frozenset((0,)),
    _UNKNOWN: frozenset((0, 1)),
}
"""How many messages each end allows."""


class MessageLog:
    """Every message that the Bot API accepted, by its caption, which names the job."""

    def __init__(self) -> None:
        self._by_number: dict[int, tuple[str, int]] = {}

    def add(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Take in what the Bot API keeps now; it forgets the oldest."""
        for message in messages:
            self._by_number[message["number"]] = (message["fields"].get("caption", ""), message["message_id"])

    def check_whole(self) -> None:
        """Check that none was forgotten before it was seen: then nothing could be said of doubled ones."""
        count, last = len(self._by_number), max(self._by_number, default=0)
        assert count == last, f"{last - count} of {last} messages were forgotten before they were seen"

    def by_caption(self) -> Mapping[str, Sequence[int]]:
        """Return the message ids for each caption."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for caption, message_id in self._by_number.values():
            found[caption].append(message_id)
        return found


@dataclass(frozen=True)
class Tally:
    """What became of many jobs."""

    states: Counter[str]
    lost: Sequence[str]
    """Markers of the jobs."""
    doubled: Sequence[str]
    lies: Mapping[str, str]
    """What is wrong, by marker; lost and doubled jobs are among them."""


def tally(endings: Mapping[str, Ending]) -> Tally:
    """Count the endings of jobs, which are given by their markers."""
    return Tally(
        states=Counter(ending.state for ending in endings.values()),
        lost=[marker for marker, ending in endings.items() if ending.is_lost],
        doubled=[marker for marker, ending in endings.items() if ending.is_doubled],
        lies={marker: ending.lie for marker, ending in endings.items() if ending.lie},
    )
