"""Which schema this code knows."""

from services.chassis.lifecycle import StartError

SCHEMA_VERSION = 3
"""What the mark `schema` says after the last migration, in both engines."""


def check_version(found: int, database: str) -> bool:
    """Return whether a database with schema `found` is to be migrated; 0 is an empty one.

    Raises:
        StartError: If a newer clipferry wrote it.
    """
    if found > SCHEMA_VERSION:
        raise StartError(
            f"the database {database} has schema version {found} of the gateway, from a newer clipferry; "
            f"this one knows {SCHEMA_VERSION}."
        )
    return found < SCHEMA_VERSION
