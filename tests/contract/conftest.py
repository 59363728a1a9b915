"""A store of each engine, for the tests of what every store promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.job_stores import ENGINES, StoreInHand


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Name one engine."""
    name: str = request.param
    return name


@pytest.fixture
async def hand(engine: str, tmp_path: Path) -> AsyncIterator[StoreInHand]:
    """Open a store of that engine."""
    async with ENGINES[engine](tmp_path) as opened:
        yield opened
