"""What gRPC costs a real queue's process: messages that ask for nothing, and calls that ask for nothing."""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from clipferry.queue.v1 import queue_service_pb2
from tests.bench.process import cpu_clock_s
from tests.bench.queue.process import queue_process
from tests.fakes.queue_client import QueueClient, WorkCall

_STREAMS_COUNT = 20
_MESSAGES_COUNT = 4_000
_APART_S = 0.001
"""Between two messages of which each wakes the process."""
_CALLS_COUNT = 500


class Wire(NamedTuple):
    """CPU time of the queue, its threads included. What is simulated, handling and answering, is left out."""

    message_us: float
    """Of one of many messages on open streams, at its end of them."""
    wake_us: float
    """More of a message that finds the queue with nothing to do."""
    call_us: float
    """Of a unary call, with its answer."""


async def measured_wire() -> Wire:
    """Measure both, in a loop whose time is real."""
    with tempfile.TemporaryDirectory() as folder:
        async with queue_process(f"sqlite:///{Path(folder) / 'queue.db'}") as queue, AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(queue.client.worker(f"worker-{number}"))
                for number in range(_STREAMS_COUNT)
            ]

            async def cost_us(speaking: Awaitable[None], count: int) -> float:
                before_s = cpu_clock_s(queue.server.pid)
                await speaking
                return (cpu_clock_s(queue.server.pid) - before_s) / count * 1e6

            message_us = await cost_us(_messages(streams, apart_s=0), _MESSAGES_COUNT)
            alone_us = await cost_us(_messages(streams, apart_s=_APART_S), _MESSAGES_COUNT)
            call_us = await cost_us(_calls(queue.client), _CALLS_COUNT)
    return Wire(message_us, max(0.0, alone_us - message_us), call_us)


async def _messages(streams: Sequence[WorkCall], *, apart_s: float) -> None:
    loop = asyncio.get_running_loop()
    began_at_s = loop.time()
    for number, stream in enumerate(itertools.islice(itertools.cycle(streams), _MESSAGES_COUNT)):
        await asyncio.sleep(began_at_s + number * apart_s - loop.time())
        await stream.say()


async def _calls(client: QueueClient) -> None:
    for _ in range(_CALLS_COUNT):
        await client.call(client.queue.SubmitJobs, queue_service_pb2.SubmitJobsRequest())
