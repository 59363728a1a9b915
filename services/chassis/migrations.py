"""Schemas of databases, brought to the present version when a service starts."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog

from services.chassis.lifecycle import StartError

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A schema, and the way to it."""

    owner: str
    """The service whose schema it is; in PostgreSQL also the schema's name."""
    version: int
    """What a database says after the last migration."""
    migrations: Path
    """Folder of the migrations."""

    def is_due(self, found: int, database: str) -> bool:
        """Return whether a database with the schema `found` is still to be migrated; 0 is an empty one.

        Raises:
            StartError: If a newer clipferry wrote it.
        """
        if found > self.version:
            raise StartError(
                f"the database {database} has the {self.owner}'s schema version {found}, from a newer clipferry; "
                f"this one knows {self.version}."
            )
        return found < self.version

    def apply(self, url: str) -> None:
        """Apply every migration that is missing. Only one may do so at a time.

        Args:
            url: As the library for migrations wants it.
        """
        # Imported only when there is something to do: it takes longer than everything else of a start.
        import yoyo  # noqa: PLC0415

        backend = yoyo.get_backend(url)
        with closing(backend.connection):
            backend.apply_migrations(backend.to_apply(yoyo.read_migrations(str(self.migrations))))
        logger.info("The database was brought to the present schema.", action="database_migrated", version=self.version)
