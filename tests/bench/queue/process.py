"""The queue as its own process, and what it and its database have cost the machine."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from services.chassis.channel import open_link
from tests.bench.process import process
from tests.fakes.postgres import Server
from tests.fakes.queue_client import QueueClient
from tests.processes.ports import free_ports


@dataclass(frozen=True)
class QueueProcess:
    """One running queue.

    Args:
        client: Speaks gRPC to it.
        server: The process.
    """

    client: QueueClient
    server: psutil.Process


@asynccontextmanager
async def queue_process(database_url: str) -> AsyncIterator[QueueProcess]:
    """Run a queue with room for every job of a benchmark, for the length of the block."""
    port = free_ports(["queue"])["queue"]
    environment = {
        "DATABASE_URL": database_url,
        "QUEUE_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "MAX_QUEUE_SIZE": "1000000",
        "WORKER_SPAWN_DELAY": "0",
        "LOG_LEVEL": "WARNING",
    }
    async with (
        process("services.queue", port=port, environment=environment) as server,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        yield QueueProcess(QueueClient(link), server)


@asynccontextmanager
async def durable_postgres(directory: Path) -> AsyncIterator[Server]:
    """Run a PostgreSQL that syncs before it answers, for the length of the block."""
    server = await asyncio.to_thread(Server, directory)
    try:
        connection = await asyncpg.connect(server.url())
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"SHOW {setting}") == "on", f"{setting} is off: nothing would be durable"
        await connection.close()
        yield server
    finally:
        await asyncio.to_thread(server.stop)


def cpu_s(servers: Iterable[psutil.Process]) -> float:
    """Return the processor time that `servers` have used, with their children, those that have ended included."""
    used_s = 0.0
    for server in servers:
        for each in (server, *server.children(recursive=True)):
            try:
                times = each.cpu_times()
            except psutil.NoSuchProcess:  # it has ended since the list was made: its parent has its time
                continue
            used_s += times.user + times.system
        of_ended = server.cpu_times()
        used_s += of_ended.children_user + of_ended.children_system
    return used_s
