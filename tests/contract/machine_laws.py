"""Laws that hold for every single change of a job, whatever the call: the model may not predict against them either."""

from services.queue.core.job import Job, State
from services.queue.core.moves import Fail, Move, Retry
from tests.contract.machine_job import ACTIVE, ENDED


def check_change(before: Job | None, after: Job, by: Move | str) -> None:
    """Check one change.

    Args:
        before: None for a new job.
        by: The move, or what else did it: "submit", "claim" or "reap".
    """
    assert (after.lease_until_ms is not None) == (after.deadline_ms is not None) == (after.state in ACTIVE)
    assert (after.ended_ms is not None) == (after.state in ENDED)
    assert after.attempt <= after.max_attempts, "more runs than were granted"
    if before is None:
        assert (after.version, after.token) == (1, 0)
        return
    assert after.version == before.version + 1, "one version for each change"
    assert after.token == before.token + (by == "claim"), "a token for each run, and never an old one again"
    if before.state in ENDED:
        assert isinstance(by, Retry), "only a person takes a job out of its end"
    if before.state in ACTIVE:
        _check_run(before, after, by)


def _check_run(before: Job, after: Job, by: Move | str) -> None:
    again = after.state in (State.QUEUED, State.RETRY_WAIT)
    if before.cancel_requested:
        assert not again, "a cancelled job runs again"
        assert before.send_committed or not after.send_committed, "committed in spite of the cancel before"
    if before.send_committed and again:
        not_sent = isinstance(by, Fail) and by.not_sent
        assert before.resend_unknown or not_sent, "runs again although its message may be out"
