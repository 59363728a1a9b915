"""Who works for this queue: the workers that are connected here, and those of the other replicas."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.chassis.clock import Clock
from services.queue.core.lease import Lease
from services.queue.core.ports import Change
from services.queue.core.runs import Progress

_LEAST_PAUSE_S = 0.1
"""Between two looks: each looks at every worker, and every worker says something with each job."""


class Memory(NamedTuple):
    """Memory of one worker, or the sum over all. Bytes, but for the count."""

    current_bytes: int = 0
    peak_bytes: int = 0
    max_bytes: int = 0
    active_allocations: int = 0
    max_per_video_bytes: int = 0
    orphan_freed_bytes: int = 0


class WorkerNote(NamedTuple):
    """What the statistics need to know of a worker."""

    worker_id: str
    slots: int
    ytdlp_version: str
    """Empty when it did not say."""
    memory_processing: bool
    auto_cleanup: bool
    memory: Memory


class Roll(NamedTuple):
    """What one replica knows."""

    workers: Sequence[WorkerNote] = ()
    peak_bytes: int = 0
    """Most that was ever in use at once over all workers, as far as the replica has seen."""


class Peers(Protocol):
    """The other replicas of this queue."""

    def follow(self, changes: Sequence[Change]) -> None:
        """Take in changes of jobs: of a run that is over there is no progress to tell."""

    def tell_progress(self, lease: Lease, progress: Progress) -> None:
        """Let them know, soon, how far a run of a worker here is."""

    def tell_roll(self, roll: Roll) -> None:
        """Let them know who is connected here."""

    def others(self) -> Sequence[Roll]:
        """Return what they have told."""


class Alone:
    """There are no other replicas."""

    def follow(self, changes: Sequence[Change]) -> None:
        pass

    def tell_progress(self, lease: Lease, progress: Progress) -> None:
        pass

    def tell_roll(self, roll: Roll) -> None:
        pass

    def others(self) -> Sequence[Roll]:
        return ()


class Notes(Protocol):
    """The workers here."""

    def notes(self) -> Sequence[WorkerNote]:
        """Return what the statistics need to know of each."""


class Rollcall:
    """All workers, here and at the other replicas.

    Args:
        here: Those that are connected here.
        peers: Told of them, and asked for theirs.
    """

    def __init__(self, here: Notes, peers: Peers) -> None:
        self._here = here
        self._peers = peers
        self._peak_bytes = 0
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Say that something has changed here."""
        self._changed.set()

    async def look_forever(self, clock: Clock) -> None:
        """Look soon after each change, the first at once, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.look()
            await clock.sleep(_LEAST_PAUSE_S)

    def look(self) -> None:
        """Take in what has changed here."""
        self.memory()
        self._peers.tell_roll(Roll(self._here.notes(), self._peak_bytes))

    def workers(self) -> Sequence[WorkerNote]:
        """Return every worker once. One that has just moved may be known twice; its new replica knows better."""
        by_id = {note.worker_id: note for roll in self._peers.others() for note in roll.workers}
        by_id.update((note.worker_id, note) for note in self._here.notes())
        return tuple(by_id.values())

    def memory(self) -> Memory:
        """Return the sums; the peak is the most that was ever in use at once, as far as any replica has seen."""
        seen = [worker.memory for worker in self.workers()]
        current_bytes = sum(memory.current_bytes for memory in seen)
        self._peak_bytes = max(
            self._peak_bytes,
            current_bytes,
            *(memory.peak_bytes for memory in seen),
            *(roll.peak_bytes for roll in self._peers.others()),
        )
        return Memory(
            current_bytes=current_bytes,
            peak_bytes=self._peak_bytes,
            max_bytes=sum(memory.max_bytes for memory in seen),
            active_allocations=sum(memory.active_allocations for memory in seen),
            max_per_video_bytes=max((memory.max_per_video_bytes for memory in seen), default=0),
            orphan_freed_bytes=sum(memory.orphan_freed_bytes for memory in seen),
        )
