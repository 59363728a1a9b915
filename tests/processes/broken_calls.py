"""Calls that a service broke when it stopped, before any repeat hides them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc
from services.chassis.channel import open_link

_CALLER_COUNT = 6
"""So many that some are under way whenever a queue stops."""
_ENDS = ("queue_lost", "feed_ended", "run_failed", "run_lost")
"""What the services log of a stream or a delivery that somebody else broke. One that was drained ends, or goes on."""


@asynccontextmanager
async def callers(target: str) -> AsyncIterator[list[str]]:
    """Call the queues without a pause for the length of the block, as services do but without a repeat.

    Args:
        target: All of them. Who drains is told by health, and is called no more.

    Yields:
        What broke.
    """
    broken: list[str] = []
    async with open_link(target) as link:
        stub = queue_service_pb2_grpc.QueueServiceStub(link.channel)

        async def call() -> None:
            while True:
                try:
                    await stub.GetStats(queue_service_pb2.GetStatsRequest(), timeout=15)
                except grpc.aio.AioRpcError as error:
                    broken.append(f"GetStats: {error.code().name}: {error.details()}")
                    await asyncio.sleep(0.1)

        calling = [asyncio.create_task(call()) for _ in range(_CALLER_COUNT)]
        yield broken
        for task in calling:
            task.cancel()
        over = await asyncio.gather(*calling, return_exceptions=True)
    broken.extend(repr(each) for each in over if not isinstance(each, asyncio.CancelledError))


class Logs:
    """What the services of a stack say from now on of streams that were broken.

    Args:
        directory: Of the logs.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_bytes: Mapping[Path, int] = {path: path.stat().st_size for path in directory.glob("*.log")}

    def broken(self) -> list[str]:
        """Return a line for each."""
        return [
            f"{path.stem}: {line['action']} {line.get('reason')}: {line.get('cause')}" for path, line in self._lines()
        ]

    def _lines(self) -> Iterator[tuple[Path, dict[str, str]]]:
        for path in sorted(self._directory.glob("*.log")):
            for text in path.read_bytes()[self._read_bytes.get(path, 0) :].splitlines():
                line = json.loads(text) if text.startswith(b"{") else {}
                if line.get("action") in _ENDS:
                    yield path, line
