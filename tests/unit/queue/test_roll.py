"""The workers of all replicas, as one."""

from collections.abc import Sequence

from services.chassis.lifecycle import background
from services.queue.core.lease import Lease
from services.queue.core.ports import Change
from services.queue.core.roll import Alone, Memory, Roll, Rollcall, WorkerNote
from services.queue.core.runs import Progress
from tests.fakes.clock import FakeClock, let_others_run


def note(worker_id: str, current_bytes: int, peak_bytes: int = 50) -> WorkerNote:
    memory = Memory(current_bytes=current_bytes, peak_bytes=peak_bytes, max_bytes=100)
    return WorkerNote(worker_id, 3, "2026", memory_processing=True, auto_cleanup=True, memory=memory)


class Here:
    """Workers that are connected here."""

    def __init__(self, *workers: WorkerNote) -> None:
        self.workers: Sequence[WorkerNote] = workers

    def notes(self) -> Sequence[WorkerNote]:
        return self.workers


class OtherReplica:
    """Peers that have told one roll."""

    def __init__(self, roll: Roll) -> None:
        self.roll = roll
        self.told: list[Roll] = []

    def follow(self, changes: Sequence[Change]) -> None:
        """Not asked here."""

    def tell_progress(self, lease: Lease, progress: Progress) -> None:
        """Not asked here."""

    def tell_roll(self, roll: Roll) -> None:
        self.told.append(roll)

    def others(self) -> Sequence[Roll]:
        return (self.roll,)


def test_the_peak_is_the_most_at_once() -> None:
    """Not the sum of each worker's own peak, which were at different times."""
    here = Here(note("one", 40), note("two", 40))
    roll = Rollcall(here, Alone())
    roll.look()
    here.workers = (note("one", 5), note("two", 40))

    assert roll.memory()[:3] == (45, 80, 200)


async def test_many_changes_are_one_look() -> None:
    """The first is looked at at once, those that follow together: a look costs as much as there are workers."""
    clock = FakeClock()
    other = OtherReplica(Roll())
    here = Here(note("one", 10))
    roll = Rollcall(here, other)
    async with background(roll.look_forever(clock), name="roll"):
        roll.wake()
        await let_others_run()
        for current_bytes in (20, 30, 40):
            here.workers = (note("one", current_bytes),)
            roll.wake()
            await let_others_run()
        assert [told.workers[0].memory.current_bytes for told in other.told] == [10]
        clock.advance(1)
        await let_others_run()

    assert [told.workers[0].memory.current_bytes for told in other.told] == [10, 40]


def test_the_fleet_is_every_replicas_workers() -> None:
    """Totals are sums over all of them, and the peak is the highest that any replica has seen."""
    other = OtherReplica(Roll((note("two", 30),), peak_bytes=300))
    roll = Rollcall(Here(note("one", 40)), other)
    roll.look()

    assert [worker.worker_id for worker in roll.workers()] == ["two", "one"]
    assert roll.memory()[:3] == (70, 300, 200)
    assert other.told == [Roll((note("one", 40),), peak_bytes=300)]


def test_a_worker_that_has_moved_counts_once() -> None:
    other = OtherReplica(Roll((note("one", 30),)))

    assert Rollcall(Here(note("one", 40)), other).memory().current_bytes == 40
