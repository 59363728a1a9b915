"""The simulation does what it says, in small: the whole of it is `make simulate`."""

import pytest

from tests.simulation.costs import Costs
from tests.simulation.demand import Turns
from tests.simulation.outcome import Outcome, Scenario, jain, quantiles
from tests.simulation.picture import picture
from tests.simulation.scenarios import fairness, simulate
from tests.simulation.walls import walls

SMALL = Scenario(processors=2, gateways=2, load=0.8, warm_s=2.0, counted_s=10.0, turns_per_s=1_000.0, seed=7)
COSTS = Costs(
    commit_of_one_ms=5,
    commit_of_many_ms=50,
    report_us=5,
    gateway_event_us=50,
    gateway_progress_us=20,
    opening_us=[],
    hub=[],
)


async def small(**fields: object) -> Outcome:
    return await simulate(SMALL._replace(**fields), users=500)  # type: ignore[arg-type]


async def test_the_same_seed_gives_the_same_figures() -> None:
    first, again, other = await small(), await small(), await small(seed=8)

    assert first._replace(queue_cpu=0) == again._replace(queue_cpu=0)
    assert first._replace(queue_cpu=0) != other._replace(queue_cpu=0)
    assert first.completed_per_s > 0
    assert first.reports_per_s > 0
    assert first.foreign_count == 0


async def test_what_telegram_does_not_take_is_not_done() -> None:
    assert (await small(turns_per_s=0.2)).completed_per_s <= 0.3


async def test_a_flood_does_not_make_others_wait_for_its_end() -> None:
    found = await fairness(7, counted_s=15.0, flood=150)

    assert found.fair_s[0] < found.in_order_s[0] / 3
    assert found.jain_fair > 0.9 > found.jain_in_order


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
        calls_per_s=3.0 * processors,
        rows_per_s=7.0 * processors,
        running=2.0 * processors,
        events_per_gateway_s=1.0,
        progress_per_gateway_s=10.0,
        reports_per_s=20.0 * processors,
        foreign_count=0,
        queue_cpu=0.001 * processors,
    )


def test_a_wall_stands_where_all_is_in_use() -> None:
    """Thirty messages a second are sixty processors of half a job a second; other walls are beyond the last scale."""
    found = {wall.name: wall for wall in walls([outcome(scale) for scale in (1, 10, 100)], COSTS)}

    assert found["Telegram: one bot"].processors == pytest.approx(60)
    assert found["Telegram: one bot"].shares == pytest.approx((1 / 60, 1 / 6, 10 / 6))
    assert found["store's commits"].processors == pytest.approx(256 / 0.05 / 2.5)


def test_the_picture_names_every_wall() -> None:
    outcomes = [outcome(scale) for scale in (1, 10, 100)]
    found = walls(outcomes, COSTS)

    drawn = picture(outcomes, found, [outcome(10)._replace(scenario=SMALL._replace(load=load)) for load in (0.5, 1)])

    assert all(wall.name.replace("'", "&#x27;") in drawn for wall in found)
    assert "nan" not in drawn
