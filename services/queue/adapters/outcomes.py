"""How runs and jobs end, counted from what was committed."""

from collections.abc import Iterable

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import Reason
from services.queue.core.job import ENDED, State
from services.queue.core.ports import Change
from services.queue.metrics import OUTCOMES

_COUNTED = ENDED | {State.RETRY_WAIT}
_OTHER = "OTHER"
"""For reasons that this queue does not know: a worker of another version may tell any."""


def count_outcomes(changes: Iterable[Change]) -> None:
    """Count the changes by which a run or a job has ended."""
    for change in changes:
        if change.state in _COUNTED:
            reason = job_pb2.Job.FromString(change.event.body).error.reason
            OUTCOMES.add(change.state.value, reason if not reason or reason in Reason.__members__ else _OTHER)
