"""What watchers of the hub see, and what a slow one costs the others: nothing."""

import asyncio

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import background
from services.queue.core.hub import Filter, Hub, Watcher
from services.queue.core.job import Job, State
from services.queue.core.lease import Lease
from services.queue.core.ports import Event, change_of
from services.queue.core.runs import Progress
from tests.fakes.clock import FakeClock, let_others_run
from tests.fakes.queue_jobs import job

IDLE_S = 0.05
ALL = Filter(progress=True, stats=True)


def hub(*, batch_s: float = 0.0, ring_count: int = 100) -> Hub[str]:
    return Hub(FakeClock(), sequence=0, batch_s=batch_s, ring_count=ring_count)


def publish(to: Hub[str], *jobs: Job) -> None:
    first = to.last_sequence + 1
    to.publish([change_of(each, Event(first + n, 0, each.id, each.owner, b"")) for n, each in enumerate(jobs)])


def report(to: Hub[str], run: Job, percent: float) -> None:
    to.report(Lease(run.id, run.token), Progress(2, percent, 0))


async def percents(watcher: Watcher[str]) -> list[float]:
    return [run.progress.percent for run in (await watcher.batch(idle_s=IDLE_S)).runs]


async def test_events_come_in_order_and_from_the_cursor_on() -> None:
    here = hub()
    publish(here, job(), job(), job())

    with here.watch(ALL, after=1) as watcher:
        batch = await watcher.batch(idle_s=IDLE_S)

    assert [event.sequence for event in batch.events] == [2, 3]
    assert batch.sequence == 3


async def test_a_new_run_begins_at_zero() -> None:
    """The first progress that a watcher sees of an attempt is 0, in every attempt."""
    here = hub()
    run = job(State.PROCESSING)
    with here.watch(ALL, after=0) as watcher:
        publish(here, run)
        first = await percents(watcher)
        report(here, run, 60)
        later = await percents(watcher)
        publish(here, run._replace(token=2, attempt=2))
        again = await percents(watcher)

    assert (first, later, again) == ([0], [60], [0])


@pytest.mark.parametrize("percent", [59.9, -1, 101, float("nan")])
async def test_progress_never_falls_within_a_run(percent: float) -> None:
    here = hub()
    run = job(State.PROCESSING)
    publish(here, run)
    report(here, run, 60)
    report(here, run, percent)

    with here.watch(ALL, after=1) as watcher:
        assert await percents(watcher) == [60]


async def test_progress_of_an_older_run_is_dropped() -> None:
    here = hub()
    run = job(State.PROCESSING)
    publish(here, run)
    publish(here, run._replace(token=2, attempt=2))
    report(here, run, 60)

    seen = here.run(run.id)
    assert seen is not None
    assert seen.progress.percent == 0


async def test_nothing_follows_the_end() -> None:
    """Progress that was not delivered before a job's end is not delivered after it either."""
    here = hub()
    run = job(State.PROCESSING)
    publish(here, run)
    with here.watch(ALL, after=1) as watcher:
        await watcher.batch(idle_s=IDLE_S)
        report(here, run, 90)
        publish(here, run._replace(state=State.COMPLETED, version=9))
        report(here, run, 95)
        batch = await watcher.batch(idle_s=IDLE_S)

    assert (len(batch.events), batch.runs) == (1, [])


async def test_the_newest_progress_wins() -> None:
    """However many reports a watcher slept through, it gets one; with the version that it has seen in an event."""
    here = hub()
    run = job(State.PROCESSING)
    publish(here, run)
    with here.watch(ALL, after=1) as watcher:
        await watcher.batch(idle_s=IDLE_S)
        for percent in range(1, 100):
            report(here, run, percent)
        publish(here, run._replace(state=State.SENDING, version=2))
        batch = await watcher.batch(idle_s=IDLE_S)

    assert [(seen.progress.percent, seen.change.version) for seen in batch.runs] == [(99, 2)]


async def test_a_filter_lets_through_only_its_owners_and_jobs() -> None:
    here = hub()
    mine, hers = job(owner="me"), job(owner="her")
    publish(here, mine, hers)

    with here.watch(Filter(owners=frozenset({"me"})), after=0) as by_owner:
        assert [event.owner for event in (await by_owner.batch(idle_s=IDLE_S)).events] == ["me"]
    with here.watch(Filter(job_ids=frozenset({hers.id})), after=0) as by_job:
        assert [event.job_id for event in (await by_job.batch(idle_s=IDLE_S)).events] == [hers.id]
    with here.watch(Filter(owners=frozenset()), after=0) as nobody:
        batch = await nobody.batch(idle_s=IDLE_S)
        assert (list(batch.events), batch.sequence) == ([], 2)


async def test_a_wider_filter_shows_runs_as_they_are() -> None:
    here = hub()
    run = job(State.PROCESSING, owner="me")
    publish(here, run)
    report(here, run, 40)
    with here.watch(Filter(owners=frozenset(), progress=True), after=1) as watcher:
        assert await percents(watcher) == []
        watcher.replace(Filter(owners=frozenset({"me"}), progress=True))
        assert await percents(watcher) == [40]


async def test_a_watcher_that_falls_off_the_ring_is_told() -> None:
    """It is never silently given a log with a hole."""
    here = hub(ring_count=10)
    with here.watch(ALL, after=0) as watcher:
        for _ in range(25):
            publish(here, job())
        with pytest.raises(ClipferryError) as ended:
            await watcher.batch(idle_s=IDLE_S)

    assert ended.value.reason is Reason.SLOW_CONSUMER


async def test_a_gap_in_the_log_ends_every_watch() -> None:
    """Events that never came by here are in the store: whoever watches goes back for them."""
    here = hub()
    with here.watch(Filter(owners=frozenset({"me"})), after=0) as watcher:
        here.publish([change_of(job(owner="her"), Event(7, 0, "other", "her", b""))])
        with pytest.raises(ClipferryError) as ended:
            await watcher.batch(idle_s=IDLE_S)

    assert ended.value.reason is Reason.SLOW_CONSUMER


async def test_what_others_do_neither_wakes_a_watcher_nor_pushes_it_off_the_ring() -> None:
    here = hub(ring_count=10)
    with here.watch(Filter(owners=frozenset({"me"}), progress=True), after=0) as watcher:
        assert await percents(watcher) == []
        hers = job(State.PROCESSING, owner="her")
        waiting = asyncio.ensure_future(watcher.batch(idle_s=60))
        for _ in range(30):
            publish(here, job(owner="her"))
        publish(here, hers)
        report(here, hers, 50)
        await let_others_run()
        assert not waiting.done()
        mine = job(State.PROCESSING, owner="me")
        publish(here, mine)
        batch = await asyncio.wait_for(waiting, 20)

    assert [event.job_id for event in batch.events] == [mine.id]
    assert [run.change.job_id for run in batch.runs] == [mine.id]
    assert batch.sequence == 32


async def test_a_watcher_learns_where_the_log_is_now_and_then() -> None:
    """It resumes from there: its cursor must not grow old because only others are busy."""
    here = hub()
    clock = here.clock
    assert isinstance(clock, FakeClock)
    async with background(here.tell_place_forever(interval_s=0.1), name="place"):
        with here.watch(Filter(owners=frozenset({"me"})), after=0) as watcher:
            await watcher.batch(idle_s=IDLE_S)
            publish(here, job(owner="her"))
            first = await watcher.batch(idle_s=20)
            publish(here, job(owner="her"), job(owner="her"))
            waiting = asyncio.ensure_future(watcher.batch(idle_s=60))
            await let_others_run()
            is_early = waiting.done()
            clock.advance(0.1)
            second = await asyncio.wait_for(waiting, 20)

    assert (list(first.events), first.sequence) == ([], 1)
    assert not is_early
    assert (list(second.events), second.sequence) == ([], 3)


async def test_a_narrower_filter_takes_out_what_was_not_read() -> None:
    here = hub()
    with here.watch(Filter(owners=frozenset({"me", "her"})), after=0) as watcher:
        publish(here, job(owner="me"), job(owner="her"))
        watcher.replace(Filter(owners=frozenset({"her"})))
        publish(here, job(owner="me"))
        batch = await watcher.batch(idle_s=IDLE_S)

    assert [event.owner for event in batch.events] == ["her"]
    assert batch.sequence == 3


async def test_a_watch_that_is_over_leaves_nothing_behind() -> None:
    here = hub()
    with here.watch(Filter(owners=frozenset({"me"})), after=0) as watcher, here.watch(ALL, after=0):
        watcher.replace(Filter(owners=frozenset({"her"})))

    assert [*here.audience.of("me"), *here.audience.of("her")] == []


async def test_a_long_backlog_comes_in_bounded_batches() -> None:
    here = hub(ring_count=1_000)
    publish(here, *[job() for _ in range(600)])
    with here.watch(ALL, after=0) as watcher:
        counts = [len((await watcher.batch(idle_s=IDLE_S)).events) for _ in range(3)]

    assert counts == [256, 256, 88]


async def test_the_first_event_comes_at_once_and_the_next_are_gathered() -> None:
    """The clock stands still here, so the gathering ends only because the batch is full."""
    here = hub(batch_s=60)
    with here.watch(ALL, after=0) as watcher:
        publish(here, job())
        first = await asyncio.wait_for(watcher.batch(idle_s=IDLE_S), 30)
        publish(here, job())
        gathering = asyncio.ensure_future(watcher.batch(idle_s=IDLE_S))
        await asyncio.sleep(0)
        publish(here, *[job() for _ in range(31)])
        second = await asyncio.wait_for(gathering, 30)

    assert (len(first.events), len(second.events)) == (1, 32)


async def test_an_idle_watcher_gets_an_empty_batch() -> None:
    here = hub()
    with here.watch(ALL, after=0) as watcher:
        batch = await watcher.batch(idle_s=0.001)

    assert (list(batch.events), list(batch.runs), batch.stats) == ([], [], None)


async def test_the_newest_stats_win() -> None:
    here = hub()
    with here.watch(ALL, after=0) as watcher, here.watch(Filter(), after=0) as without:
        here.publish_stats("old")
        here.publish_stats("new")

        assert (await watcher.batch(idle_s=IDLE_S)).stats == "new"
        assert (await without.batch(idle_s=0.001)).stats is None
