"""The runs that go on now, and how far each is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from services.queue.core.job import ACTIVE, Job
from services.queue.core.lease import Lease
from services.queue.core.ports import Change, Event, change_of


class Progress(NamedTuple):
    """How far a run is."""

    stage: int
    """Number of the wire's Stage."""
    percent: float
    """Whole run, 0 to 100."""
    observed_ms: int
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: int = 0
    message: str = ""
    title: str = ""


@dataclass(slots=True)
class Run:
    """What is known of an active job."""

    change: Change
    """The newest of its job."""
    progress: Progress


class Runs:
    """Every active run, by job."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    @property
    def all(self) -> Iterable[Run]:
        """Every active run."""
        return self._runs.values()

    def of(self, job_id: str) -> Run | None:
        """Return what is known of an active job."""
        return self._runs.get(job_id)

    def restore(self, jobs: Iterable[Job], *, sequence: int, now_ms: int) -> None:
        """Take in the runs that go on after a start."""
        for job in jobs:
            event = Event(sequence, job.updated_ms, job.id, job.owner, b"")
            self._runs[job.id] = Run(change_of(job, event), Progress(0, 0.0, now_ms))

    def follow(self, change: Change) -> bool:
        """Take in a change of a job; returns whether it begins a run, at 0 percent."""
        if change.state not in ACTIVE:
            self._runs.pop(change.job_id, None)
            return False
        run = self._runs.get(change.job_id)
        if run is not None and run.change.token == change.token:
            run.change = change
            return False
        self._runs[change.job_id] = Run(change, Progress(0, 0.0, change.event.at_ms))
        return True

    def report(self, lease: Lease, progress: Progress) -> Run | None:
        """Take in how far a run is; None when it is not the present run or has been as far already."""
        run = self._runs.get(lease.job_id)
        if run is None or run.change.token != lease.token or progress == run.progress:
            return None
        if not run.progress.percent <= progress.percent <= 100:
            return None
        run.progress = progress
        return run
