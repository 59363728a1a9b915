"""The workers that are connected here."""

from collections.abc import Iterable, Sequence

from services.chassis.clock import Clock
from services.queue.core.lease import Lease
from services.queue.core.placing import Offer
from services.queue.core.ports import Change, Reaped, Record
from services.queue.core.roll import Memory, WorkerNote
from services.queue.core.worker import Worker


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
        now_s = self._clock.monotonic_s()
        for worker in self._workers.values():
            # Most of a busy fleet takes none, so those must cost next to nothing.
            if worker.free_slots > 0 and worker.assigned_at_s + self._spawn_delay_s <= now_s:
                offer = worker.offer(at_once=1 if self._spawn_delay_s else worker.hello.slots)
                if offer.possible_slots > 0:
                    found.append(offer)
        return found

    def next_offer_in_s(self) -> float | None:
        """Return when a worker that pauses between two jobs may take the next; None when none pauses."""
        now_s = self._clock.monotonic_s()
        ends_s = (
            end_s
            for worker in self._workers.values()
            if (end_s := worker.assigned_at_s + self._spawn_delay_s) > now_s and worker.open_slots > 0
        )
        first_s = min(ends_s, default=None)
        return None if first_s is None else first_s - now_s

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
