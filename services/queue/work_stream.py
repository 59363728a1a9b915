"""One worker's stream: what it says is taken in at once, what it asks for is done together, and told back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from clipferry.queue.v1 import worker_service_pb2
from services.chassis.errors import ClipferryError
from services.chassis.wire import duration
from services.queue.core.fleet import Answered, Fleet, Outgoing, Worker
from services.queue.core.lease import Lease
from services.queue.core.moves import Move
from services.queue.core.ports import JobStore, Record
from services.queue.core.runs import Progress
from services.queue.run_moves import answer_message, moves_of, released_count
from services.queue.wire import lease_message, lease_of, memory_of, progress_of

logger = structlog.get_logger(__name__)


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
        self._moves: list[worker_service_pb2.Move] = []
        self._leases: list[Lease] = []
        self._asked = asyncio.Event()

    async def hear(self, messages: AsyncIterator[worker_service_pb2.WorkerMessage]) -> None:
        """Take in what the worker says, until it says no more."""
        async for message in messages:
            self.take(message)
        self._worker.close()

    def take(self, message: worker_service_pb2.WorkerMessage) -> None:
        """Take in one message."""
        if message.HasField("ready"):
            self._take_ready(message.ready)
        if message.beats:
            self._take_beats(message.beats)
        self._moves.extend(message.moves)
        self._ask()

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
            await asyncio.gather(self._do(moves), self._renew(leases))
            self._worker.owe(owes=self._asked.is_set())

    def _ask(self) -> None:
        if self._moves or self._leases:
            self._worker.owe(owes=True)
            self._asked.set()

    def _take_ready(self, ready: worker_service_pb2.Ready) -> None:
        memory = memory_of(ready.memory) if ready.HasField("memory") else None
        self._fleet.ready(self._worker, free_slots=ready.free_slots, free_bytes=ready.free_bytes, memory=memory)
        self._wake()

    def _take_beats(self, beats: Sequence[worker_service_pb2.Beat]) -> None:
        leases = []
        for beat in beats:
            lease = lease_of(beat.lease)
            leases.append(lease)
            if beat.HasField("progress"):
                self._report(lease, progress_of(beat.progress))
        self._leases.extend(self._worker.due(leases))

    async def _renew(self, leases: Sequence[Lease]) -> None:
        if not leases:
            return
        try:
            renewed = await self._store.renew(leases)
        except ClipferryError as error:  # they are due again with the next beat
            logger.error("Leases could not be renewed.", action="renew_failed", reason=error.reason.name)
        else:
            self._worker.renewed(leases, renewed)

    async def _do(self, messages: Sequence[worker_service_pb2.Move]) -> None:
        if not messages:
            return
        asked = [(message, _decoded(message)) for message in messages]
        wanted = [move for _, moves in asked if not isinstance(moves, ClipferryError) for move in moves]
        results = iter(await self._apply(wanted))
        self._worker.answer(
            _answered(message, moves, [] if isinstance(moves, ClipferryError) else [next(results) for _ in moves])
            for message, moves in asked
        )

    async def _apply(self, moves: Sequence[Move]) -> Sequence[Record | ClipferryError]:
        try:
            return await self._store.apply(moves) if moves else ()
        except ClipferryError as error:
            return [error] * len(moves)


def _decoded(message: worker_service_pb2.Move) -> list[Move] | ClipferryError:
    try:
        return moves_of(message)
    except ClipferryError as error:
        return error


def _answered(
    message: worker_service_pb2.Move,
    moves: list[Move] | ClipferryError,
    results: list[Record | ClipferryError],
) -> Answered:
    if isinstance(moves, ClipferryError):
        return Answered(message.correlation_id, None, moves)
    if message.HasField("release_jobs"):
        try:
            return Answered(message.correlation_id, None, released_count(results))
        except ClipferryError as error:
            return Answered(message.correlation_id, None, error)
    return Answered(message.correlation_id, moves[0], results[0])


def queue_message(told: Outgoing, *, lease_ttl_s: float) -> worker_service_pb2.QueueMessage:
    """Return what a worker is told as a message."""
    ttl = duration(lease_ttl_s)
    message = worker_service_pb2.QueueMessage(
        renewed=[worker_service_pb2.Renewed(lease=lease_message(lease), ttl=ttl) for lease in told.renewed],
        cancels=[worker_service_pb2.Cancel(lease=lease_message(lease)) for lease in told.cancels],
        finishes=[worker_service_pb2.Finish(lease=lease_message(lease)) for lease in told.finishes],
        lost=[worker_service_pb2.Lost(lease=lease_message(lease)) for lease in told.lost],
        drain=worker_service_pb2.Drain() if told.drain else None,
        answers=[answer_message(answered) for answered in told.answers],
    )
    for record in told.assigns:
        leased = message.assigns.add().job
        leased.lease.job_name = record.job.name
        leased.lease.token = record.job.token
        leased.job.MergeFromString(record.body)
        leased.lease_ttl.CopyFrom(ttl)
        leased.run_timeout.CopyFrom(duration(record.job.run_timeout_ms / 1000))
        leased.reserved_bytes = record.job.reserved_bytes
    return message
