"""One worker that is connected here: what it can take, what it holds, and what it must be told."""

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
from services.queue.core.ports import Change, Record
from services.queue.core.roll import Memory


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
        self.assigned_at_s = float("-inf")
        """When it was given its last job."""
        self._renew_after_s = lease_ttl_s / 3
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._ending: set[Lease] = set()
        self._outgoing = Outgoing()
        self._waiting = asyncio.Event()
        self._closed = False
        self._owes = False

    @property
    def open_slots(self) -> int:
        """Jobs it can be given: by its credits, and never more than its slots with those that are on the way."""
        return self._slots(len(self._held))

    def offer(self, *, at_once: int) -> Offer:
        """Return what it can take now, and what more once the runs are over whose end it has asked for.

        Args:
            at_once: Jobs at most.
        """
        ending = [
            lease for lease in self._ending if (held := self._held.get(lease.job_id)) and held.token == lease.token
        ]
        return Offer(
            self.hello.worker_id,
            slots=max(0, min(self.open_slots, at_once)),
            free_bytes=self.free_bytes,
            default_bytes=min(self.memory.max_per_video_bytes, self.hello.memory_limit_bytes),
            limit_bytes=self.hello.memory_limit_bytes,
            ending=ending,
            most_slots=min(self._slots(len(self._held) - len(ending)), at_once),
        )

    def end(self, leases: Iterable[Lease]) -> None:
        """Take in that it has asked for the end of runs."""
        self._ending.update(leases)

    def ended(self, leases: Iterable[Lease]) -> None:
        """Take in that it is told what became of that."""
        self._ending.difference_update(leases)

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

    def _slots(self, held_count: int) -> int:
        return 0 if self._closed else min(self.free_slots, self.hello.slots - held_count)

    def _tell_wishes(self, lease: Lease, held: _Held, *, stop: bool, finish: bool) -> None:
        if stop and not held.cancel_told:
            held.cancel_told = True
            self._outgoing.cancels.append(lease)
            self._waiting.set()
        if finish and not held.finish_told:
            held.finish_told = True
            self._outgoing.finishes.append(lease)
            self._waiting.set()
