"""The simulation does what it says, in small: the whole of it is `make simulate`."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import pytest

from tests.simulation.costs import Costs
from tests.simulation.demand import Turns
from tests.simulation.grpc_costs import Wire
from tests.simulation.outcome import Outcome, Scenario, jain, quantiles
from tests.simulation.picture import picture
from tests.simulation.plant import Disk
from tests.simulation.scenarios import fairness, run_virtually, simulate
from tests.simulation.virtual_time import running_loop
from tests.simulation.walls import Wall, walls

SMALL = Scenario(
    processors=2,
    gateways=2,
    load=0.8,
    warm_s=2.0,
    counted_s=10.0,
    turns_per_s=1_000.0,
    report_every_s=0.5,
    seed=7,
)
WIRE = Wire(message_us=25.0, wake_us=25.0, call_us=100.0)
DISK = Disk(commit_s=0.002, call_s=0.0)
COSTS = Costs(
    commit_of_one_ms=3,
    waited_for_one_ms=2,
    commit_of_many_ms=50,
    waited_for_many_ms=12.2,
    report_us=5,
    gateway_event_us=50,
    gateway_progress_us=20,
    opening_us=[],
    hub=[],
    wire=WIRE,
)


def small(wire: Wire = WIRE, **fields: object) -> Outcome:
    """Return what a small run shows in which no CPU time passes, so that every run is the same."""
    scenario = SMALL._replace(**fields)  # type: ignore[arg-type]
    return run_virtually(simulate(scenario, DISK, wire, users=500), counts_cpu=False)


def test_the_same_seed_gives_the_same_figures() -> None:
    first, again, other = small(), small(), small(seed=8)

    assert first == again
    assert first != other
    assert first.completed_per_s > 0
    assert first.reports_per_s > 0
    assert first.foreign_count == 0


def test_what_telegram_does_not_take_is_not_done() -> None:
    assert small(turns_per_s=0.2).completed_per_s <= 0.3


def test_a_slow_disk_makes_jobs_wait() -> None:
    """Each waits for two commits: that of its submission, and that of its run."""
    idle = SMALL._replace(load=0.2)
    fast, slow = (
        run_virtually(simulate(idle, Disk(commit_s, 0.0), WIRE, users=500), counts_cpu=False)
        for commit_s in (0.002, 0.5)
    )

    assert fast.wait_s[0] < 0.1
    assert slow.wait_s[0] >= 1.0


def test_a_queue_without_time_makes_jobs_wait() -> None:
    """Where each message takes a tenth of a second, 2 processors say more than can be heard."""
    calm = small()
    full = small(wire=Wire(message_us=1e5, wake_us=0.0, call_us=1e5))

    assert calm.busy < 0.01
    assert full.busy > 0.97
    assert full.wait_s[0] > calm.wait_s[0] + 0.5
    assert full.reports_per_s < calm.reports_per_s


def test_a_flood_does_not_make_others_wait_for_its_end() -> None:
    found = run_virtually(fairness(7, DISK, WIRE, counted_s=15.0, flood=150), counts_cpu=False)

    assert found.fair_s[0] < found.in_order_s[0] / 3
    assert found.limited_s[0] < found.fair_s[0]
    assert found.jain_fair > 0.9 > found.jain_in_order


def test_work_takes_its_time_and_waiting_takes_none() -> None:
    async def worked() -> tuple[float, float]:
        loop = running_loop()
        began_at_s = time.monotonic()
        await asyncio.sleep(3_600)
        assert time.monotonic() - began_at_s < 60
        begun_s = loop.busy_s
        _work(0.2)
        before_s = loop.busy_s
        with loop.aside():
            _work(0.2)
        aside_s = loop.busy_s - before_s
        _work(0.2)
        loop.spend(5.0)
        assert loop.time() >= 3_605.4
        return aside_s, loop.busy_s - begun_s - aside_s

    aside_s, busy_s = run_virtually(worked())

    assert -0.1 < aside_s < 0.1
    assert 5.4 <= busy_s < 5.7


def _work(for_s: float) -> None:
    """Take so much CPU time."""
    ends_at_s = time.process_time() + for_s
    while time.process_time() < ends_at_s:
        pass


@pytest.mark.parametrize(
    "wire", [WIRE._replace(message_us=1_000), WIRE._replace(wake_us=1_000), WIRE._replace(call_us=10_000)]
)
def test_what_grpc_takes_is_the_queues_time(wire: Wire) -> None:
    assert small(wire=wire).busy > small().busy * 1.5


def test_reports_that_do_not_come_are_missing_too() -> None:
    """Processors report less often to a queue that does not keep up, so all jobs may be done for a while."""
    full = outcome(10)._replace(busy=1.0)

    assert full.missing == 1
    assert full._replace(reports_per_s=full.reports_per_s / 2).missing == pytest.approx(2)


def test_a_loop_in_which_nothing_can_happen_says_so() -> None:
    with pytest.raises(AssertionError, match="nothing will ever happen"):
        run_virtually(asyncio.Event().wait())


def test_a_message_waits_for_its_turn_and_for_that_of_its_chat() -> None:
    turns = Turns(10)

    assert [turns.take("ann", 0.0), turns.take("bob", 0.0), turns.take("ann", 0.0)] == pytest.approx([0.0, 0.1, 1.0])


@pytest.mark.parametrize(
    ("served", "index"), [({"a": 5, "b": 5}, 1.0), ({"a": 5}, 0.5), ({}, 1.0), ({"a": 3, "b": 1}, 0.8)]
)
def test_the_index_of_jain(served: dict[str, int], index: float) -> None:
    assert jain(served, ["a", "b"]) == pytest.approx(index)


def test_quantiles() -> None:
    assert quantiles(range(100)) == (50, 95, 99)
    assert quantiles([]) == (0, 0, 0)


def outcome(processors: int) -> Outcome:
    """Return what is as good as a run: half a job a second for each processor."""
    return Outcome(
        SMALL._replace(processors=processors),
        jobs_per_s=processors / 2,
        completed_per_s=processors / 2,
        wait_s=(0.01, 0.1, 1.0),
        changes_per_s=2.5 * processors,
        commits_per_s=2.0 * processors,
        rows_per_s=7.0 * processors,
        running=2.0 * processors,
        events_per_gateway_s=1.0,
        progress_per_gateway_s=10.0,
        reports_per_s=4.0 * processors,
        foreign_count=0,
        busy=min(1.0, 0.02 * processors),
    )


def _walls(outcomes: Sequence[Outcome]) -> Mapping[str, Wall]:
    return {wall.name: wall for wall in walls(outcomes, outcomes, outcomes[-1], COSTS)}


def test_a_wall_stands_where_all_is_in_use() -> None:
    """Thirty messages a second are sixty processors of half a job a second; other walls are beyond the last scale."""
    found = _walls([outcome(scale) for scale in (1, 10, 100)])

    assert found["Telegram: one bot"].processors == pytest.approx(60)
    assert found["Telegram: one bot"].shares == pytest.approx((1 / 60, 1 / 6, 10 / 6))
    assert found["queue's disk"].processors == pytest.approx(256 / 0.0122 / 2.5)


def test_a_full_queue_needs_as_much_more_as_it_was_asked_for() -> None:
    """A queue that did half of what was asked for with all its time needs twice its time: it serves half as many."""
    outcomes = [outcome(scale) for scale in (1, 10, 100)]
    outcomes[-1] = outcomes[-1]._replace(completed_per_s=outcomes[-1].jobs_per_s / 2)

    found = _walls(outcomes)

    assert found["queue's core, 1 report / s"].shares == pytest.approx((0.02, 0.2, 2.0))
    assert found["queue's core, 1 report / s"].processors == pytest.approx(50)


def test_a_wall_is_not_before_what_was_kept_up_with() -> None:
    """A queue that breaks down under far too much does less than at its wall."""
    outcomes = [outcome(scale) for scale in (1, 10, 100)]
    outcomes[-1] = outcomes[-1]._replace(completed_per_s=1.0)

    assert _walls(outcomes)["queue's core, 1 report / s"].processors == pytest.approx(10)


def test_the_picture_names_every_wall() -> None:
    outcomes = [outcome(scale) for scale in (1, 10, 100)]
    found = [*_walls(outcomes).values()]

    drawn = picture(outcomes, found, [outcome(10)._replace(scenario=SMALL._replace(load=load)) for load in (0.5, 1)])

    assert all(wall.name.replace("'", "&#x27;") in drawn for wall in found)
    assert "nan" not in drawn
