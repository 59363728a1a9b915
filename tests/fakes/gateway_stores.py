"""Places for a gateway's own store, one for each engine."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fakes.postgres import database_for


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'gateway.db'}"


GATEWAY_STORES: Mapping[str, Callable[[Path], str]] = {"sqlite": _sqlite, "postgresql": database_for}
"""By engine: what returns the URL of the store that belongs to a test's folder."""
