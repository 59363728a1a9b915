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
from tests.simulation.grpc_costs import measured_wire
from tests.simulation.outcome import Outcome, Scenario
from tests.simulation.page import write_page
from tests.simulation.report import Findings, Table, tables
from tests.simulation.scenarios import fairness, run_virtually, simulate
from tests.simulation.walls import walls

_ARTIFACT = Path(__file__).parents[1] / "artifacts" / "simulation" / "results.json"
_LIFTED = 1_000.0
"""Messages a second that Telegram must take for the walls behind it to show."""
_SCALES = ((1, 1, 300.0), (10, 1, 60.0), (30, 3, 30.0), (100, 10, 20.0), (300, 30, 15.0), (1_000, 100, 15.0))
"""Processors, gateways, and virtual seconds that are counted."""
_BEYOND = (3_000, 300)
_WARM_S = 25.0
"""About the time of the longest run."""
_REPORT_EVERY_S = 0.1
_CALM_S = 1.0
_LOAD = 0.8
_LOADS = (0.5, 0.7, 0.9, 1.0, 1.1)
_LOADED = 10


def _found(seed: int, console: Console) -> Findings:
    console.print("What one of each costs …", style="dim")
    costs = run_virtually(measured_costs(asyncio.run(measured_wire())))

    def told(scenario: Scenario) -> Outcome:
        console.print(
            f"{scenario.processors} processors at {scenario.load:.0%}, a report every {scenario.report_every_s:g} s …",
            style="dim",
        )
        outcome = run_virtually(simulate(scenario, costs.disk, costs.wire))
        assert not outcome.foreign_count, "a gateway heard of owners who are not connected there"
        return outcome

    def scales(report_every_s: float) -> Sequence[Outcome]:
        return [
            told(Scenario(processors, gateways, _LOAD, _WARM_S, counted_s, _LIFTED, report_every_s, seed))
            for processors, gateways, counted_s in _SCALES
        ]

    outcomes, calm = scales(_REPORT_EVERY_S), scales(_CALM_S)
    beyond = told(Scenario(*_BEYOND, _LOAD, _WARM_S, 10.0, _LIFTED, _CALM_S, seed))
    by_load = [told(Scenario(_LOADED, 1, load, _WARM_S, 60.0, _LIFTED, _REPORT_EVERY_S, seed)) for load in _LOADS]
    slowed = told(Scenario(100, 10, _LOAD, _WARM_S, 25.0, TURNS_PER_S, _REPORT_EVERY_S, seed))
    console.print("A flood, and rivals …", style="dim")
    return Findings(
        seed,
        machine(),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        outcomes,
        calm,
        beyond,
        by_load,
        slowed,
        run_virtually(fairness(seed, costs.disk, costs.wire)),
        costs,
        walls(outcomes, calm, beyond, costs),
    )


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
    found = _found(arguments.seed, console)
    _print(tables(found), console)
    _ARTIFACT.parent.mkdir(parents=True, exist_ok=True)
    _ARTIFACT.write_text(json.dumps(found, indent=1))
    write_page(found)


if __name__ == "__main__":
    main()
