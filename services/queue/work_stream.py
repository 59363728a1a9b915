"""One worker's stream: what it says is taken in at once, what it asks for is done together, and told back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import NamedTuple

import structlog

from clipferry.queue.v1 import worker_service_pb2
from services.chassis.errors import ClipferryError
from services.chassis.wire import duration
from services.queue.core.fleet import Fleet
from services.queue.core.lease import Lease
from services.queue.core.moves import ENDS, Move
from services.queue.core.ports import JobStore, Record
from services.queue.core.runs import Progress
from services.queue.core.worker import Answered, Outgoing, Worker
from services.queue.run_moves import fill_answer, moves_of, released_count
from services.queue.wire import lease_message, lease_of, memory_of, progress_of

logger = structlog.get_logger(__name__)


class _Asked(NamedTuple):
    """What a message asks for."""

    correlation_id: int
    moves: Sequence[Move]
    """More than one, or none, only of those that are counted."""
    is_counted: bool = False
    """Whether the answer is a number."""
    refusal: ClipferryError | None = None
    """Why it is no move."""


class WorkStream:
    """The ears of a stream: `hear` takes in messages, `act` does the moves and renewals that they ask for.

    While some are being done, those of further messages gather and are done together next: one commit, one answer.

    Args:
        worker: The mouth.
        store: Does moves.
        fleet: Learns of credits.
        report: Takes how far runs are.
        wake: Says that there may be work to hand out.
    """

    def __init__(
        self,
        worker: Worker,
        store: JobStore,
        fleet: Fleet,
        report: Callable[[Lease, Progress], None],
        wake: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self._fleet = fleet
        self._report = report
        self._wake = wake
        self._moves: list[_Asked] = []
        self._leases: list[Lease] = []
        self._asked = asyncio.Event()

    async def hear(self, messages: AsyncIterator[worker_service_pb2.WorkerMessage]) -> None:
        """Take in what the worker says, until it says no more."""
        async for message in messages:
            self.take(message)
        self._worker.close()

    def take(self, message: worker_service_pb2.WorkerMessage) -> None:
        """Take in one message."""
        if message.beats:
            self._take_beats(message.beats)
        if message.moves:
            self._take_moves(message.moves)
        self._ask()
        if message.HasField("ready"):  # behind the moves: slots that they free are handed out with them
            self._take_ready(message.ready)

    def resume(self, leases: Sequence[Lease]) -> None:
        """Ask for the runs that the worker still holds from an earlier stream."""
        self._leases.extend(leases)
        self._ask()

    async def act(self) -> None:
        """Do what was asked for, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            moves, self._moves = self._moves, []
            leases, self._leases = self._leases, []
            if leases:
                await asyncio.gather(self._do(moves), self._renew(leases))
            else:
                await self._do(moves)
            self._worker.owe(owes=self._asked.is_set())

    def _ask(self) -> None:
        if self._moves or self._leases:
            self._worker.owe(owes=True)
            self._asked.set()

    def _take_ready(self, ready: worker_service_pb2.Ready) -> None:
        memory = memory_of(ready.memory) if ready.HasField("memory") else None
        self._fleet.ready(self._worker, free_slots=ready.free_slots, free_bytes=ready.free_bytes, memory=memory)
        self._wake()

    def _take_moves(self, messages: Iterable[worker_service_pb2.Move]) -> None:
        asked = list(map(_asked, messages))
        self._moves.extend(asked)
        self._worker.end(_ending(asked))

    def _take_beats(self, beats: Sequence[worker_service_pb2.Beat]) -> None:
        leases = []
        for beat in beats:
            lease = lease_of(beat.lease)
            leases.append(lease)
            if beat.HasField("progress"):
                self._report(lease, progress_of(beat.progress))
        self._leases.extend(self._worker.due(leases))

    async def _renew(self, leases: Sequence[Lease]) -> None:
        try:
            renewed = await self._store.renew(leases)
        except ClipferryError as error:  # they are due again with the next beat
            logger.error("Leases could not be renewed.", action="renew_failed", reason=error.reason.name)
        else:
            self._worker.renewed(leases, renewed)

    async def _do(self, asked: Sequence[_Asked]) -> None:
        if not asked:
            return
        results = iter(await self._apply([move for each in asked for move in each.moves]))
        self._worker.ended(_ending(asked))
        self._worker.answer(_answered(each, [next(results) for _ in each.moves]) for each in asked)

    async def _apply(self, moves: Sequence[Move]) -> Sequence[Record | ClipferryError]:
        try:
            return await self._store.apply(moves) if moves else ()
        except ClipferryError as error:
            return [error] * len(moves)


def _asked(message: worker_service_pb2.Move) -> _Asked:
    try:
        return _Asked(message.correlation_id, moves_of(message), message.HasField("release_jobs"))
    except ClipferryError as error:
        return _Asked(message.correlation_id, (), refusal=error)


def _ending(asked: Iterable[_Asked]) -> Iterable[Lease]:
    """Return the runs whose end is asked for."""
    return [move.lease for each in asked for move in each.moves if isinstance(move, ENDS)]


def _answered(asked: _Asked, results: Sequence[Record | ClipferryError]) -> Answered:
    if asked.refusal is not None:
        return Answered(asked.correlation_id, None, asked.refusal)
    if asked.is_counted:
        try:
            return Answered(asked.correlation_id, None, released_count(results))
        except ClipferryError as error:
            return Answered(asked.correlation_id, None, error)
    return Answered(asked.correlation_id, asked.moves[0], results[0])


def queue_message(told: Outgoing, *, lease_ttl_s: float) -> worker_service_pb2.QueueMessage:
    """Return what a worker is told as a message."""
    ttl = duration(lease_ttl_s)
    message = worker_service_pb2.QueueMessage(
        renewed=[worker_service_pb2.Renewed(lease=lease_message(lease), ttl=ttl) for lease in told.renewed],
        cancels=[worker_service_pb2.Cancel(lease=lease_message(lease)) for lease in told.cancels],
        finishes=[worker_service_pb2.Finish(lease=lease_message(lease)) for lease in told.finishes],
        lost=[worker_service_pb2.Lost(lease=lease_message(lease)) for lease in told.lost],
        drain=worker_service_pb2.Drain() if told.drain else None,
    )
    for answered in told.answers:
        fill_answer(message.answers.add(), answered)
    for record in told.assigns:
        leased = message.assigns.add().job
        leased.lease.job_name = record.job.name
        leased.lease.token = record.job.token
        leased.job.MergeFromString(record.body)
        leased.lease_ttl.CopyFrom(ttl)
        leased.run_timeout.CopyFrom(duration(record.job.run_timeout_ms / 1000))
        leased.reserved_bytes = record.job.reserved_bytes
    return message
