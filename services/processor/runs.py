"""The runs that this process holds: how they start, and the ways in which they are stopped."""

import asyncio
import enum
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from services.chassis import tracing
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import background
from services.processor.core.lease import LeaseTerm
from services.processor.core.pace import Pace
from services.processor.core.pipeline import JobRun, Parts
from services.processor.core.run import Progress, Run
from services.processor.metrics import RUNS

logger = structlog.get_logger(__name__)

_HAND_BACK_S = 3.0
"""How long the last moves of a drain may take to be answered, and a message past its commit to arrive."""


class Stop(enum.Enum):
    """Why a run is stopped from outside."""

    CANCELLED = "cancelled"
    """Its owner wants it: the queue is told."""
    LOST = "lost"
    """It is somebody else's: nobody is told."""
    RELEASED = "released"
    """This process ends: it is handed back."""


@dataclass(frozen=True)
class Drained:
    """What became of the runs of a drain."""

    finished_count: int
    released_count: int


@dataclass(eq=False, kw_only=True)
class Held:
    """One run that is held here."""

    run: Run
    job: JobRun
    term: LeaseTerm
    pace: Pace
    progress: Progress | None = None
    """Newest that was not passed on yet."""
    known: Progress | None = None
    """Newest that there is."""
    stop: Stop | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once `stop` is."""
    task: asyncio.Task[None] = field(init=False)


class Runs:
    """Runs by lease. Made by `open_runs`.

    Args:
        slots: Runs at once.
        progress_interval_s: Least seconds between two beats with progress of one run.
        on_change: Called when runs come and go, and when one has new progress.
    """

    def __init__(
        self,
        parts: Parts,
        group: asyncio.TaskGroup,
        *,
        slots: int,
        progress_interval_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._group = group
        self._progress_interval_s = progress_interval_s
        self._on_change = on_change
        self._held: dict[tuple[str, int], Held] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.slots = slots
        self.drains = asyncio.Event()
        """Set, for good, once no more are taken."""

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def __len__(self) -> int:
        return len(self._held)

    @property
    def draining(self) -> bool:
        """Whether no more are taken."""
        return self.drains.is_set()

    @property
    def free_slots(self) -> int:
        """Runs that may be started. One that is over has left its place: the queue fills it with the same commit."""
        return 0 if self.draining else max(0, self.slots - sum(not held.job.is_over for held in self))

    def start(self, run: Run, *, ttl_s: float) -> None:
        """Begin `run`. An older run of the same job is lost by that; while draining it is handed back at once."""
        for held in list(self):
            if held.run.job_name == run.job_name and held.run.token != run.token:
                self._stop(held, Stop.LOST)
        if self.get(run.job_name, run.token) is not None:
            return

        def report(progress: Progress) -> None:
            held.progress = held.known = progress
            self._on_change()

        held = Held(
            run=run,
            job=JobRun(run, self._parts, report),
            term=LeaseTerm(ttl_s, self._parts.clock.monotonic_s()),
            pace=Pace(self._progress_interval_s),
        )
        self._held[run.job_name, run.token] = held
        self._idle.clear()
        with structlog.contextvars.bound_contextvars(job_name=run.job_name, attempt=run.attempt):
            logger.info("A run begins.", action="run_started", token=run.token)
            held.task = self._group.create_task(_traced(held), name=f"run {run.holder}")
            self._group.create_task(self._supervise(held), name=f"supervise {run.holder}")
        if self.draining:
            self._stop(held, Stop.RELEASED)
        self._on_change()

    def get(self, job_name: str, token: int) -> Held | None:
        """Return the run with that lease, if it is held here."""
        return self._held.get((job_name, token))

    def cancel(self, job_name: str, token: int) -> None:
        """Stop a run for its owner. Once CommitSend was asked for, the queue's answer to it decides instead."""
        held = self.get(job_name, token)
        if held is not None and not held.job.committing:
            self._stop(held, Stop.CANCELLED)

    def lose(self, job_name: str, token: int) -> None:
        """Stop a run that is somebody else's or over."""
        held = self.get(job_name, token)
        if held is not None:
            self._stop(held, Stop.LOST)

    def lose_expired(self, *, margin_s: float) -> None:
        """Stop the runs whose lease ends within `margin_s`.

        Not those that have asked for CommitSend: the queue's answer alone decides about them. One that was stopped with
        its answer still on the way would leave an unknown delivery although nothing was sent.
        """
        now_s = self._parts.clock.monotonic_s()
        for held in list(self):
            if not held.job.committing and now_s >= held.term.ends_at_s - margin_s:
                self._stop(held, Stop.LOST)

    def finish(self, job_name: str, token: int) -> None:
        """Close a live recording and send what there is."""
        held = self.get(job_name, token)
        if held is not None:
            self._group.create_task(held.job.finish(), name=f"finish {held.run.holder}")

    async def drain(self, grace_s: float) -> Drained:
        """Take no more; return when nothing runs: what does not end within `grace_s` is handed back."""
        self.drains.set()
        self._on_change()
        begun_count = len(self)
        await self._wait_until_idle(grace_s)
        left = list(self)
        for held in left:
            if not held.job.committing:
                self._stop(held, Stop.RELEASED)
        await self._wait_until_idle(_HAND_BACK_S)
        for held in list(self):
            self._stop(held, Stop.RELEASED)
        await self._wait_until_idle(_HAND_BACK_S)
        return Drained(finished_count=begun_count - len(left), released_count=len(left))

    async def _wait_until_idle(self, limit_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()

    def _stop(self, held: Held, stop: Stop) -> None:
        if held.stop is None:
            held.stop = stop
            held.stopped.set()
            held.task.cancel()

    async def _supervise(self, held: Held) -> None:
        try:
            async with background(_set(held.stopped), name=f"stop {held.run.holder}") as stopped:
                await asyncio.wait((held.task, stopped), return_when=asyncio.FIRST_COMPLETED)
            hands_back = held.stop is Stop.RELEASED and not held.job.committing and not held.task.done()
            if hands_back:
                # Before it has come down: a child that is just being started may take longer than this process has.
                await self._tell(held, Stop.RELEASED)
            await asyncio.wait((held.task,))
            if held.stop is not None and held.task.cancelled() and not hands_back:
                await self._tell(held, held.stop)
        finally:
            self._held.pop((held.run.job_name, held.run.token))
            if not self._held:
                self._idle.set()
            self._on_change()

    async def _tell(self, held: Held, stop: Stop) -> None:
        logger.info("A run was stopped.", action="run_stopped", cause=stop.value)
        leases, run, job = self._parts.leases, held.run, held.job
        if stop is Stop.LOST:
            RUNS.add("lost", "")
        try:
            if stop is Stop.CANCELLED:
                await leases.fail(run, ClipferryError(Reason.CANCELLED), not_sent=False)
            elif stop is Stop.RELEASED and job.committed:
                await leases.fail(run, _stopped_unheard(), not_sent=False)
            elif stop is Stop.RELEASED and job.committing:
                await leases.fail(run, ClipferryError(Reason.SHUTTING_DOWN), not_sent=True)
            elif stop is Stop.RELEASED:
                await leases.release(run)
        except ClipferryError as refusal:
            logger.info("A stopped run was refused.", action="stop_refused", reason=refusal.reason.name)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _traced(held: Held) -> None:
    with tracing.span("run", "consumer", parent=held.run.traceparent) as span:
        span.note({"clipferry.job": held.run.job_name, "clipferry.attempt": held.run.attempt})
        await held.job.execute()


def _stopped_unheard() -> ClipferryError:
    return ClipferryError(
        Reason.DELIVERY_UNKNOWN,
        "The processor was stopped while it waited for Telegram's answer: the message may have been sent; check the "
        "chat before sending again.",
    )


@asynccontextmanager
async def open_runs(
    parts: Parts, *, slots: int, progress_interval_s: float, on_change: Callable[[], None]
) -> AsyncIterator[Runs]:
    """Hold runs for the length of the block; what still runs at its end is stopped and told to nobody."""
    async with asyncio.TaskGroup() as group:
        runs = Runs(parts, group, slots=slots, progress_interval_s=progress_interval_s, on_change=on_change)
        try:
            yield runs
        finally:
            for held in list(runs):
                held.task.cancel()
