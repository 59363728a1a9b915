"""The workers that are connected here: what they can take, what they hold, and what they must be told."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError
from services.queue.core.job import ACTIVE, Job
from services.queue.core.lease import Lease
from services.queue.core.moves import Move
from services.queue.core.placing import Offer
from services.queue.core.ports import Change, Reaped, Record
from services.queue.core.roll import Memory, WorkerNote


class Hello(NamedTuple):
    """Who a worker is."""

    worker_id: str
    slots: int
    memory_limit_bytes: int
    versions: Mapping[str, str]
    memory_processing: bool
    auto_cleanup: bool


class Answered(NamedTuple):
    """Outcome of one move of a worker."""

    correlation_id: int
    move: Move | None
    """None when it was refused before it was one."""
    outcome: Record | ClipferryError | int
    """An int for moves that answer with a count."""


@dataclass
class Outgoing:
    """What a worker is told next, all in one message."""

    assigns: list[Record] = field(default_factory=list)
    renewed: list[Lease] = field(default_factory=list)
    cancels: list[Lease] = field(default_factory=list)
    finishes: list[Lease] = field(default_factory=list)
    lost: list[Lease] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    drain: bool = False


@dataclass(slots=True)
class _Held:
    token: int
    renewed_at_s: float
    cancel_told: bool = False
    finish_told: bool = False


class Worker:
    """One worker on one stream.

    Args:
        hello: What it said of itself.
        lease_ttl_s: How long a lease lasts.
        clock: Tells when a third of it is gone.
    """

    def __init__(self, hello: Hello, *, lease_ttl_s: float, clock: Clock) -> None:
        self.hello = hello
        self.memory = Memory(max_bytes=hello.memory_limit_bytes)
        self.free_slots = 0
        self.free_bytes = 0
        self.assigned_at_s: float | None = None
        self._renew_after_s = lease_ttl_s / 3
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._outgoing = Outgoing()
        self._waiting = asyncio.Event()
        self._closed = False
        self._owes = False

    @property
    def open_slots(self) -> int:
        """Jobs it can be given: by its credits, and never more than its slots with those that are on the way."""
        return 0 if self._closed else min(self.free_slots, self.hello.slots - len(self._held))

    @property
    def leases(self) -> frozenset[Lease]:
        """The runs that it was told of and that are not over."""
        return frozenset(Lease(job_id, held.token) for job_id, held in self._held.items())

    def assign(self, record: Record) -> None:
        """Tell it to start a run."""
        job = record.job
        now_s = self._clock.monotonic_s()
        self._held[job.id] = _Held(job.token, now_s)
        self.free_slots -= 1
        self.free_bytes -= job.reserved_bytes
        self.assigned_at_s = now_s
        self._outgoing.assigns.append(record)
        self._waiting.set()

    def due(self, leases: Iterable[Lease]) -> list[Lease]:
        """Return those of the beating `leases` whose row must be touched: a third of their time is gone, or unknown."""
        oldest_s = self._clock.monotonic_s() - self._renew_after_s
        due = []
        for lease in leases:
            held = self._held.get(lease.job_id)
            if held is None or held.token != lease.token or held.renewed_at_s <= oldest_s:
                due.append(lease)
        return due

    def renewed(self, asked: Sequence[Lease], renewed: Mapping[Lease, Job]) -> None:
        """Tell it which of the leases it `asked` for go on, and which are lost."""
        now_s = self._clock.monotonic_s()
        for lease in asked:
            job = renewed.get(lease)
            if job is None:
                self.lose(lease)
                continue
            held = self._held.get(lease.job_id)
            if held is None or held.token != lease.token:
                held = self._held[lease.job_id] = _Held(lease.token, now_s)
            held.renewed_at_s = now_s
            self._outgoing.renewed.append(lease)
            stop = job.cancel_requested and not job.send_committed
            self._tell_wishes(lease, held, stop=stop, finish=job.finish_requested)
        self._waiting.set()

    def lose(self, lease: Lease) -> None:
        """Tell it that a run is not its own any more."""
        held = self._held.get(lease.job_id)
        if held is not None and held.token == lease.token:
            del self._held[lease.job_id]
        self._outgoing.lost.append(lease)
        self._waiting.set()

    def follow(self, change: Change) -> None:
        """Take in a change of one job: free its slot when its run is over, pass on what its owner wants."""
        held = self._held.get(change.job_id)
        if held is None or change.token < held.token:
            return
        if change.token != held.token or change.state not in ACTIVE:
            del self._held[change.job_id]
        else:
            stop = change.cancel_requested and not change.send_committed
            self._tell_wishes(change.lease, held, stop=stop, finish=change.finish_requested)

    def answer(self, answers: Iterable[Answered]) -> None:
        """Tell it how its moves went."""
        self._outgoing.answers.extend(answers)
        self._waiting.set()

    def owe(self, *, owes: bool) -> None:
        """Say whether there are answers to come, for which the end of its stream waits."""
        self._owes = owes
        self._waiting.set()

    def drain(self) -> None:
        """Tell it to run out, and end its stream after that."""
        self._outgoing.drain = True
        self.close()

    def close(self) -> None:
        """Give it nothing more, and end its stream once everything is told."""
        self._closed = True
        self._waiting.set()

    async def outgoing(self) -> Outgoing | None:
        """Wait for something to tell; None when the stream is to end and everything was told."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            if self._outgoing != Outgoing():
                told, self._outgoing = self._outgoing, Outgoing()
                self._waiting.set()
                return told
            if self._closed and not self._owes:
                return None

    def _tell_wishes(self, lease: Lease, held: _Held, *, stop: bool, finish: bool) -> None:
        if stop and not held.cancel_told:
            held.cancel_told = True
            self._outgoing.cancels.append(lease)
            self._waiting.set()
        if finish and not held.finish_told:
            held.finish_told = True
            self._outgoing.finishes.append(lease)
            self._waiting.set()


class Fleet:
    """Every worker that is connected here.

    Args:
        clock: Tells when a worker may take its next job.
        spawn_delay_s: Least time between two jobs given to one worker.
    """

    def __init__(self, clock: Clock, *, spawn_delay_s: float) -> None:
        self._clock = clock
        self._spawn_delay_s = spawn_delay_s
        self._workers: dict[str, Worker] = {}

    @property
    def workers(self) -> Sequence[Worker]:
        """Those that are connected now."""
        return tuple(self._workers.values())

    def connect(self, worker: Worker) -> None:
        """Take in a worker. An older stream of the same worker ends: it is the broken one."""
        before = self._workers.get(worker.hello.worker_id)
        if before is not None:
            before.close()
        self._workers[worker.hello.worker_id] = worker

    def disconnect(self, worker: Worker) -> None:
        """Forget a worker. Its leases live in the store."""
        if self._workers.get(worker.hello.worker_id) is worker:
            del self._workers[worker.hello.worker_id]

    def offers(self) -> list[Offer]:
        """Return what the workers can take now."""
        found = []
        for worker in self._workers.values():
            slots = worker.open_slots
            if slots > 0 and self._pause_s(worker) <= 0:
                limit_bytes = worker.hello.memory_limit_bytes
                default_bytes = min(worker.memory.max_per_video_bytes, limit_bytes)
                slots = 1 if self._spawn_delay_s else slots
                found.append(Offer(worker.hello.worker_id, slots, worker.free_bytes, default_bytes, limit_bytes))
        return found

    def next_offer_in_s(self) -> float | None:
        """Return when a worker that pauses between two jobs may take the next; None when none pauses."""
        pauses_s = [self._pause_s(worker) for worker in self._workers.values() if worker.open_slots > 0]
        return min((pause_s for pause_s in pauses_s if pause_s > 0), default=None)

    def ready(self, worker: Worker, *, free_slots: int, free_bytes: int, memory: Memory | None) -> None:
        """Take in the credits of a worker, in place of those before."""
        worker.free_slots = free_slots
        worker.free_bytes = free_bytes
        if memory is not None:
            worker.memory = memory

    def assign(self, records: Iterable[Record]) -> list[Lease]:
        """Tell workers to start runs; returns the runs whose worker has gone since."""
        orphans = []
        for record in records:
            worker = self._workers.get(record.job.worker_id or "")
            if worker is None:
                orphans.append(Lease(record.job.id, record.job.token))
            else:
                worker.assign(record)
        return orphans

    def follow(self, changes: Iterable[Change]) -> None:
        """Take in changes of jobs."""
        for change in changes:
            worker = self._workers.get(change.worker_id or "")
            if worker is not None:
                worker.follow(change)

    def lose(self, reaped: Iterable[Reaped]) -> None:
        """Tell workers which runs were taken from them. They were silent: they get no more until they speak again."""
        for run in reaped:
            worker = self._workers.get(run.worker_id)
            if worker is not None:
                worker.free_slots = 0
                worker.lose(run.lease)

    def drain(self) -> None:
        """Tell every worker to run out."""
        for worker in self._workers.values():
            worker.drain()

    def notes(self) -> tuple[WorkerNote, ...]:
        """Return what the statistics need to know of each worker."""
        return tuple(
            WorkerNote(
                worker.hello.worker_id,
                worker.hello.slots,
                worker.hello.versions.get("yt-dlp", ""),
                worker.hello.memory_processing,
                worker.hello.auto_cleanup,
                worker.memory,
            )
            for worker in self._workers.values()
        )

    def _pause_s(self, worker: Worker) -> float:
        if worker.assigned_at_s is None:
            return 0.0
        return worker.assigned_at_s + self._spawn_delay_s - self._clock.monotonic_s()
