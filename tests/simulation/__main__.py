"""`make simulate`: how clipferry grows, as tables, JSON, a picture and a page."""

import argparse
import asyncio
import datetime
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table as RichTable

from tests.bench.report.machine import machine
from tests.simulation.costs import measured_costs
from tests.simulation.demand import TURNS_PER_S
from tests.simulation.outcome import Outcome, Scenario
from tests.simulation.page import write_page
from tests.simulation.report import Findings, Table, tables
from tests.simulation.scenarios import fairness, simulate
from tests.simulation.walls import walls

_ARTIFACT = Path(__file__).parents[1] / "artifacts" / "simulation" / "results.json"
_LIFTED = 1_000.0
"""Messages a second that Telegram must take for the walls behind it to show."""
_SCALES = ((1, 1, 60.0), (10, 1, 60.0), (30, 3, 30.0), (100, 10, 12.0), (300, 30, 6.0), (1_000, 100, 3.0))
"""Processors, gateways, and virtual seconds that are counted."""
_WARM_S = 6.0
"""About the time of a run."""
_LOAD = 0.8
_LOADS = (0.5, 0.7, 0.9, 1.0, 1.1)
_LOADED = 10


async def _found(seed: int, console: Console) -> Findings:
    costs = await measured_costs()
    outcomes = [
        await _told(Scenario(processors, gateways, _LOAD, _WARM_S, counted_s, _LIFTED, seed), console)
        for processors, gateways, counted_s in _SCALES
    ]
    by_load = [await _told(Scenario(_LOADED, 1, load, 20.0, 40.0, _LIFTED, seed), console) for load in _LOADS]
    slowed = await _told(Scenario(100, 10, _LOAD, 15.0, 15.0, TURNS_PER_S, seed), console)
    return Findings(
        seed,
        machine(),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        outcomes,
        by_load,
        slowed,
        await fairness(seed),
        costs,
        walls(outcomes, costs),
    )


async def _told(scenario: Scenario, console: Console) -> Outcome:
    console.print(f"{scenario.processors} processors at {scenario.load:.0%} …", style="dim")
    outcome = await simulate(scenario)
    assert not outcome.foreign_count, "a gateway heard of owners who are not connected there"
    return outcome


def _print(found: Sequence[Table], console: Console) -> None:
    for table in found:
        shown = RichTable(title=table.title, title_justify="left")
        for head in table.heads:
            shown.add_column(head, overflow="fold")
        for line in table.lines:
            shown.add_row(*line)
        console.print(shown)


def main() -> None:
    """Simulate, and write what was found."""
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    found = asyncio.run(_found(arguments.seed, console))
    _print(tables(found), console)
    _ARTIFACT.parent.mkdir(parents=True, exist_ok=True)
    _ARTIFACT.write_text(json.dumps(found, indent=1))
    write_page(found)


if __name__ == "__main__":
    main()
