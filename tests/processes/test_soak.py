"""A few seconds of `make soak`: it sees everything, and accounts for every job."""

import asyncio

import pytest

from tests.processes.stack import prepared_stack
from tests.soak.looking import FORKSERVER
from tests.soak.picture import picture
from tests.soak.run import SERVICES, SETTINGS, soak
from tests.soak.series import DESCRIPTORS, LAG, RSS, SIZE, TASKS, THREADS, WAL, Measure
from tests.soak.stream import WEIGHTS

pytestmark = pytest.mark.timeout(300)


def test_it_sees_everything_and_accounts_for_every_job() -> None:
    """What it would call a leak is not asked here: a few seconds say nothing of that."""
    with prepared_stack(None, **SETTINGS) as stack:
        report = asyncio.run(soak(stack, seconds=3, seed=1))
        logs = stack.logs()

    assert not report.tally.lies, f"{report.tally}\n{logs}"
    assert not report.surprises, f"{report.surprises}\n{logs}"
    assert report.tally.states.total() > len(WEIGHTS)
    assert report.counts["frames heard"] > 0
    seen = set(report.series.values)
    assert seen >= {Measure(name, what) for name in SERVICES for what in (RSS, DESCRIPTORS, THREADS, TASKS, LAG)}
    assert seen >= {Measure(FORKSERVER, RSS), Measure("tmpfs", SIZE), Measure("queue.db", SIZE)}
    assert seen >= {Measure("gateway.db", WAL)}
    assert report.quiet[Measure("tmpfs", SIZE)] == (0, 0)
    assert "queue" in picture(report.series, 1.0)
