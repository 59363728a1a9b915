"""What a change means to clients, and what is too old to be said."""

import pytest

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from gateway.live.board import Board

QUEUED, PROCESSING = job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_PROCESSING
SENDING, RETRY_WAIT = job_pb2.JOB_STATE_SENDING, job_pb2.JOB_STATE_RETRY_WAIT
COMPLETED, FAILED = job_pb2.JOB_STATE_COMPLETED, job_pb2.JOB_STATE_FAILED


def job(version: int, state: job_pb2.JobState, attempt: int = 0, percent: float = 0) -> job_pb2.Job:
    progress = job_pb2.Progress(percent=percent) if percent else None
    return job_pb2.Job(name="jobs/1", owner="ann", version=version, state=state, attempt=attempt, progress=progress)


def progress(
    percent: float, version: int, attempt: int = 1, stage: job_pb2.Stage = job_pb2.STAGE_DOWNLOADING
) -> job_pb2.JobProgress:
    return job_pb2.JobProgress(
        name="jobs/1",
        owner="ann",
        version=version,
        attempt=attempt,
        progress=job_pb2.Progress(percent=percent, stage=stage),
    )


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([(QUEUED, 0), (PROCESSING, 1), (SENDING, 1), (COMPLETED, 1)], "queued started progress finished"),
        ([(PROCESSING, 1), (RETRY_WAIT, 1), (PROCESSING, 2)], "started retrying started"),
        ([(PROCESSING, 1), (QUEUED, 1), (PROCESSING, 2)], "started retrying started"),
        ([(PROCESSING, 1), (PROCESSING, 2)], "started retrying started"),
        ([(PROCESSING, 1), (PROCESSING, 1), (FAILED, 1)], "started finished"),
        ([(FAILED, 3), (QUEUED, 3), (PROCESSING, 4)], "finished retrying started"),
    ],
)
def test_each_change_has_its_message(states: list[tuple[job_pb2.JobState, int]], said: str) -> None:
    board = Board()
    names: list[str] = []
    for version, (state, attempt) in enumerate(states, 1):
        names += board.take(job(version, state, attempt))

    assert names == [f"job:{name}" for name in said.split()]


def test_the_same_and_the_older_are_said_once() -> None:
    board = Board()
    board.take(job(3, PROCESSING, 1))

    assert board.take(job(3, PROCESSING, 1)) == ()
    assert board.take(job(2, QUEUED)) == ()


def test_after_the_end_comes_nothing() -> None:
    board = Board()
    board.take(job(1, PROCESSING, 1))
    board.take(job(2, COMPLETED, 1))

    assert board.take_progress(progress(99, version=1)) is None
    assert board.take_progress(progress(99, version=2)) is None


def test_progress_never_falls_and_starts_anew_with_an_attempt() -> None:
    board = Board()
    board.take(job(1, PROCESSING, 1))
    percents = [board.take_progress(progress(percent, version=1)) for percent in (10, 50, 30, 120)]
    board.take(job(2, RETRY_WAIT, 1))
    late = board.take_progress(progress(60, version=1))
    unannounced = board.take_progress(progress(5, version=3, attempt=2))
    board.take(job(3, PROCESSING, 2))
    anew = board.take_progress(progress(5, version=3, attempt=2))

    assert [shown and shown.percent for shown in percents] == [10, 50, 50, 100]
    assert (late, unannounced) == (None, None)
    assert anew is not None
    assert anew.percent == 5


def test_the_stage_does_not_go_back_when_the_queue_forgot_it() -> None:
    """A queue that was started again tells of every run as probing at 0 %, until its worker says more."""
    board = Board()
    board.take(job(1, PROCESSING, 1))
    board.take_progress(progress(26, version=1))
    forgotten = board.take_progress(progress(0, version=1, stage=job_pb2.STAGE_PROBING))
    shown = board.with_progress(job(1, PROCESSING, 1))
    later = board.take_progress(progress(80, version=1, stage=job_pb2.STAGE_SENDING))

    assert forgotten is not None
    assert (forgotten.percent, forgotten.progress.stage) == (26, job_pb2.STAGE_DOWNLOADING)
    assert (shown.progress.percent, shown.progress.stage) == (26, job_pb2.STAGE_DOWNLOADING)
    assert later is not None
    assert later.progress.stage == job_pb2.STAGE_SENDING


def test_a_new_attempt_starts_with_no_stage() -> None:
    board = Board()
    board.take(job(1, PROCESSING, 1))
    board.take_progress(progress(26, version=1))
    board.take(job(2, PROCESSING, 2))

    assert not board.with_progress(job(2, PROCESSING, 2)).HasField("progress")


def test_what_a_snapshot_showed_is_not_contradicted() -> None:
    """A client that saw version 5 at 40 % hears neither version 4 nor 30 %; version 5 itself still goes to others."""
    board = Board()
    assert board.take_snapshot(job(5, PROCESSING, 1, percent=40)) == ()

    assert board.take(job(4, PROCESSING, 1)) == ()
    shown = board.take_progress(progress(30, version=5))
    assert shown is not None
    assert (shown.percent, shown.version) == (40, 5)
    assert board.take(job(5, PROCESSING, 1)) == ("job:started",)


def test_a_snapshot_ahead_of_the_stream_is_news_to_those_who_were_told_before() -> None:
    board = Board()
    board.take(job(1, PROCESSING, 1))

    assert board.take_snapshot(job(2, COMPLETED, 1)) == ("job:finished",)
    assert board.take(job(2, COMPLETED, 1)) == ()


def test_owners_who_left_are_forgotten() -> None:
    board = Board()
    board.take(job(1, QUEUED))
    board.keep_owners(frozenset({"ann"}))
    assert board.latest("ann", "jobs/1") == job(1, QUEUED)

    board.keep_owners(frozenset())
    assert board.latest("ann", "jobs/1") is None


def test_a_change_that_people_cannot_see_makes_no_message_but_its_version_counts() -> None:
    """A new reservation of memory says nothing; progress after it carries the new version."""
    board = Board()
    board.take(job(1, PROCESSING, 1))

    assert board.take(job(2, PROCESSING, 1)) == ()
    shown = board.take_progress(progress(10, version=2))

    assert shown is not None
    assert shown.version == 2


def test_a_wish_to_cancel_is_said() -> None:
    board = Board()
    board.take(job(1, PROCESSING, 1))
    cancelling = job(2, PROCESSING, 1)
    cancelling.cancel_requested = True

    assert board.take(cancelling) == ("job:progress",)


def test_what_is_known_of_an_ended_job_holds_nothing_of_the_message_that_told_it() -> None:
    """A part of a message keeps the whole of it in memory, and ended jobs are known for long."""
    board = Board()
    told = queue_service_pb2.WatchJobsResponse()
    told.items.add().event.job.CopyFrom(job(2, COMPLETED, 1, percent=100))
    board.take(told.items[0].event.job)
    told.items[0].event.job.version = 99

    latest = board.latest("ann", "jobs/1")

    assert latest == job(2, COMPLETED, 1, percent=100)


def test_of_very_many_ended_jobs_the_oldest_are_forgotten() -> None:
    """Not those that run."""
    board = Board()
    running = job(1, PROCESSING, 1)
    running.name = "jobs/running"
    board.take(running)
    for number in range(1_000):
        ended = job(2, COMPLETED, 1)
        ended.name = f"jobs/{number}"
        board.take(ended)

    known = [number for number in range(1_000) if board.latest("ann", f"jobs/{number}") is not None]

    assert 400 < len(known) <= 500
    assert known == list(range(known[0], 1_000))
    assert board.latest("ann", "jobs/running") is not None
