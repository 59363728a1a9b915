"""Which schema this code knows."""

from pathlib import Path

from services.chassis.migrations import Schema

SCHEMA_VERSION = 6
"""What the mark `schema` says after the last migration, in both engines."""


def schema(engine: str) -> Schema:
    """Return the schema of ``sqlite`` or ``postgres``."""
    return Schema(owner="gateway", version=SCHEMA_VERSION, migrations=Path(__file__).parent / "migrations" / engine)
