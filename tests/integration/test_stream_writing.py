"""A stream that the server ends while the client writes to it, over a real connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from clipferry.queue.v1 import worker_service_pb2, worker_service_pb2_grpc
from services.chassis.channel import Link, open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.server import Served, serving
from services.chassis.status import remote_errors
from services.chassis.stream_writing import write, write_end

MESSAGE = worker_service_pb2.WorkerMessage(hello=worker_service_pb2.Hello(worker_id="a"))
STREAM_COUNT = 30
"""So many that some end in the moment in which a write has begun."""


class Deaf(worker_service_pb2_grpc.WorkerServiceServicer):
    """Reads nothing, and ends its streams when told to."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.error: ClipferryError | None = None

    async def Work(self, request_iterator: Any, context: grpc.aio.ServicerContext) -> None:
        await context.write(worker_service_pb2.QueueMessage())
        await self.end.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def queue() -> Deaf:
    return Deaf()


@pytest.fixture
async def link(queue: Deaf) -> AsyncIterator[Link]:
    add = worker_service_pb2_grpc.add_WorkerServiceServicer_to_server
    async with (
        serving([Served("clipferry.queue.v1.WorkerService", add, queue)], address="127.0.0.1:0", drain_s=0) as port,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        yield link


def open_work(link: Link) -> Any:
    return worker_service_pb2_grpc.WorkerServiceStub(link.channel).Work(metadata=link.metadata)


async def write_on(call: Any) -> None:
    while await write(call, MESSAGE):
        pass


@pytest.mark.parametrize("error", [None, ClipferryError(Reason.QUEUE_FULL, "No more of these.")])
async def test_the_reader_hears_how_a_stream_ended_under_writing(
    queue: Deaf, link: Link, error: ClipferryError | None
) -> None:
    queue.error = error
    for _ in range(STREAM_COUNT):
        queue.end.clear()
        call = open_work(link)
        await call.read()
        writing = asyncio.create_task(write_on(call))
        await asyncio.sleep(0)
        queue.end.set()
        await writing

        if error is None:
            assert await call.read() is grpc.aio.EOF
        else:
            with pytest.raises(ClipferryError, match=error.message) as raised, remote_errors():
                await call.read()
            assert raised.value.reason is error.reason


async def test_a_stream_that_has_ended_takes_nothing(queue: Deaf, link: Link) -> None:
    call = open_work(link)
    await call.read()
    queue.end.set()
    assert await call.read() is grpc.aio.EOF

    assert not await write(call, MESSAGE)
    assert not await write_end(call)
