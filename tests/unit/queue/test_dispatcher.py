"""Who gets what, and when the dispatcher looks."""

from collections.abc import Sequence
from typing import cast

from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import background
from services.queue.core.assigning import Assigner
from services.queue.core.dispatcher import Dispatcher, Outlook
from services.queue.core.fleet import Fleet
from services.queue.core.hub import Hub
from services.queue.core.job import Job, State
from services.queue.core.lease import Lease
from services.queue.core.placing import Offer, place
from services.queue.core.ports import Change, Claimed, Event, JobStore, Reaped, Record, change_of
from services.queue.core.statistics import Stats
from services.queue.core.worker import Hello, Worker
from tests.fakes.clock import FakeClock, let_others_run
from tests.fakes.job_stores import offer
from tests.fakes.queue_jobs import job


def worker(clock: FakeClock, worker_id: str = "worker-1", slots: int = 3) -> Worker:
    hello = Hello(worker_id, slots, 1_000, {}, memory_processing=True, auto_cleanup=True)
    return Worker(hello, lease_ttl_s=30, clock=clock)


def changed(state: State) -> Change:
    """Return that a job has come into a state."""
    one = job(state)
    return change_of(one, Event(1, 0, one.id, one.owner, b""))


def anybody(_job: Job) -> bool:
    return True


def test_jobs_are_spread_over_the_emptiest_workers() -> None:
    placed = place([job() for _ in range(4)], [offer("a", slots=3), offer("b", slots=2)], anybody)

    assert [offered.worker_id for _, offered, _ in placed] == ["a", "a", "b", "a"]


def test_no_more_jobs_than_slots_and_bytes() -> None:
    """A large job that fits nowhere lets a small one pass."""
    jobs = [job(reserved_bytes=90), job(reserved_bytes=80), job(reserved_bytes=10), job(reserved_bytes=5)]

    placed = place(jobs, [offer("a", slots=2, free_bytes=100)], anybody)

    assert [each.reserved_bytes for each, _, _ in placed] == [90, 10]


def test_a_worker_is_never_given_more_than_its_slots() -> None:
    """Credits that crossed an assignment on the way count for less than what it is known to hold."""
    clock = FakeClock()
    fleet = Fleet(clock, spawn_delay_s=0)
    one = worker(clock, slots=2)
    fleet.connect(one)
    fleet.ready(one, free_slots=2, free_bytes=1_000, memory=None)
    fleet.assign([Record(job(State.PROCESSING), b"")])
    fleet.ready(one, free_slots=2, free_bytes=1_000, memory=None)

    assert [each.slots for each in fleet.offers()] == [1]


def test_a_slot_is_offered_for_when_its_run_is_over() -> None:
    """Once its end is asked for, and the worker has said that it takes another. It is no slot before."""
    fleet = Fleet(FakeClock(), spawn_delay_s=0)
    one = worker(FakeClock(), slots=2)
    fleet.connect(one)
    fleet.ready(one, free_slots=2, free_bytes=1_000, memory=None)
    runs = [job(State.PROCESSING) for _ in range(2)]
    leases = [Lease(run.id, run.token) for run in runs]
    fleet.assign([Record(run, b"") for run in runs])

    one.end(leases)
    without_credit = fleet.offers()
    fleet.ready(one, free_slots=1, free_bytes=1_000, memory=None)
    (with_credit,) = fleet.offers()
    one.ended(leases)
    refused = fleet.offers()

    assert (without_credit, refused) == ([], [])
    assert (with_credit.slots, set(with_credit.ending), with_credit.possible_slots) == (0, set(leases), 1)


def test_a_silent_worker_gets_no_more() -> None:
    """Its credits are from before it fell silent: a job that was taken from it must not come back to it."""
    fleet = Fleet(FakeClock(), spawn_delay_s=0)
    one = worker(FakeClock())
    fleet.connect(one)
    fleet.ready(one, free_slots=3, free_bytes=1_000, memory=None)
    run = job(State.PROCESSING)
    fleet.assign([Record(run, b"")])

    fleet.lose([Reaped("worker-1", Lease(run.id, run.token))])
    while_silent = fleet.offers()
    fleet.ready(one, free_slots=3, free_bytes=1_000, memory=None)

    assert (while_silent, [each.slots for each in fleet.offers()]) == ([], [3])


def test_a_worker_pauses_between_two_jobs() -> None:
    """WORKER_SPAWN_DELAY: one job, then none until the time is over."""
    clock = FakeClock()
    fleet = Fleet(clock, spawn_delay_s=1)
    one = worker(clock)
    fleet.connect(one)
    fleet.ready(one, free_slots=3, free_bytes=1_000, memory=None)
    first = [each.slots for each in fleet.offers()]
    fleet.assign([Record(job(State.PROCESSING), b"")])
    while_paused = [each.slots for each in fleet.offers()]
    pause_s = fleet.next_offer_in_s()
    clock.advance(1)

    assert (first, while_paused, pause_s) == ([1], [], 1)
    assert [each.slots for each in fleet.offers()] == [1]


async def test_it_looks_when_woken_and_when_a_job_becomes_due_and_never_else() -> None:
    clock = FakeClock()
    fleet = Fleet(clock, spawn_delay_s=0)
    looks: list[float] = []

    async def begin(_offers: Sequence[Offer]) -> Outlook:
        looks.append(clock.monotonic_s())
        return Outlook(15.0 if len(looks) == 1 else None, any_waits=True)

    dispatcher = Dispatcher(fleet, begin, clock)
    async with background(dispatcher.run(), name="dispatch"):
        one = worker(clock)
        fleet.connect(one)
        fleet.ready(one, free_slots=1, free_bytes=1_000, memory=None)
        dispatcher.wake()
        await let_others_run()
        for seconds in (14, 1, 1_000):
            clock.advance(seconds)
            await let_others_run()
        dispatcher.wake()
        await let_others_run()

    assert looks == [0, 15, 1_015]


class _Asked:
    """Something to dispatch for: one worker with room, and a store in which jobs wait or not."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.looks: list[float] = []
        self.any_waits = False
        self.meanwhile: Sequence[Change] = ()
        """What happens while the store is asked."""
        fleet = Fleet(self.clock, spawn_delay_s=0)
        one = worker(self.clock)
        fleet.connect(one)
        fleet.ready(one, free_slots=1, free_bytes=1_000, memory=None)
        self.dispatcher = Dispatcher(fleet, self._begin, self.clock)

    async def _begin(self, _offers: Sequence[Offer]) -> Outlook:
        self.looks.append(self.clock.monotonic_s())
        meanwhile, self.meanwhile = self.meanwhile, ()
        self.dispatcher.follow(meanwhile)
        return Outlook(None, self.any_waits)

    async def wake(self) -> None:
        self.dispatcher.wake()
        await let_others_run()


async def test_credits_ask_for_nothing_while_no_job_waits() -> None:
    """The next job that waits is asked for at once."""
    asked = _Asked()
    async with background(asked.dispatcher.run(), name="dispatch"):
        await let_others_run()
        for _ in range(3):
            await asked.wake()
        asked.dispatcher.follow([changed(State.COMPLETED)])
        await let_others_run()
        before = list(asked.looks)
        asked.dispatcher.follow([changed(State.QUEUED)])
        await let_others_run()

    assert (before, asked.looks) == ([0], [0, 0])


async def test_a_job_that_comes_while_the_store_is_asked_is_not_overlooked() -> None:
    asked = _Asked()
    asked.meanwhile = [changed(State.QUEUED)]
    async with background(asked.dispatcher.run(), name="dispatch"):
        await let_others_run()

    assert asked.looks == [0, 0]


async def test_it_is_believed_for_a_second_that_no_job_waits() -> None:
    """A change may have been missed: credits that came meanwhile are worth a question then, others are not."""
    asked = _Asked()
    async with background(asked.dispatcher.run(), name="dispatch"):
        await let_others_run()
        await asked.wake()
        for _ in range(3):
            asked.clock.advance(1)
            await let_others_run()

    assert asked.looks == [0, 1]


class _BrokenStore:
    """A store whose database is away."""

    async def claim(self, _offers: Sequence[Offer]) -> Claimed:
        raise ClipferryError(Reason.STORE_UNAVAILABLE, "The database is away.")


async def test_after_a_failure_of_the_store_nobody_believes_that_no_job_waits() -> None:
    """Nobody knows: it is asked again soon."""
    clock = FakeClock()
    hub: Hub[Stats] = Hub(clock, sequence=0, batch_s=0)
    assigner = Assigner(cast("JobStore", _BrokenStore()), Fleet(clock, spawn_delay_s=0), hub)

    assert await assigner.begin([offer()]) == Outlook(1.0, any_waits=True)
