"""What the gateway makes again where a call of the queue fails: what another replica may answer, and nothing else."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clipferry.queue.v1 import queue_service_pb2, queue_service_pb2_grpc
from gateway.backends import QueueBackend
from services.chassis.channel import open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.server import Served, serving
from tests.fakes.eventually import eventually


class ScriptedQueue(queue_service_pb2_grpc.QueueServiceServicer):
    """Does with each call what comes next: refuses it with a reason, or lets it hang; after that, answers.

    Args:
        script: A reason, or None for a call that hangs.
    """

    def __init__(self, *script: Reason | None) -> None:
        self._script = deque(script)
        self.call_count = 0
        self.hanging_count = 0

    async def _act(self) -> None:
        self.call_count += 1
        if not self._script:
            return
        reason = self._script.popleft()
        if reason is not None:
            raise ClipferryError(reason)
        self.hanging_count += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.hanging_count -= 1

    async def GetStats(self, request: Any, context: Any) -> Any:
        await self._act()
        return queue_service_pb2.GetStatsResponse()

    async def RetryJob(self, request: Any, context: Any) -> Any:
        await self._act()
        return queue_service_pb2.RetryJobResponse()


@asynccontextmanager
async def backend_of(queue: ScriptedQueue) -> AsyncIterator[QueueBackend]:
    """Serve a queue for the length of the block; the channel to it repeats nothing by itself."""
    served = Served("clipferry.queue.v1.QueueService", queue_service_pb2_grpc.add_QueueServiceServicer_to_server, queue)
    async with (
        serving([served], address="127.0.0.1:0", drain_s=0) as port,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        yield QueueBackend(link)


@pytest.mark.parametrize(
    ("script", "call_counts"),
    [
        ([], {1}),
        # Before it has arrived, the third may be taken back.
        ([Reason.SHUTTING_DOWN], {2, 3}),
        ([None], {2, 3}),
        ([Reason.SHUTTING_DOWN, Reason.SHUTTING_DOWN], {3}),
        ([Reason.SHUTTING_DOWN, None], {3}),
    ],
    ids=["good", "left", "hung", "left, and left again", "left, and hung"],
)
async def test_two_calls_at_once_follow_one_that_failed(
    monkeypatch: pytest.MonkeyPatch, script: list[Reason | None], call_counts: set[int]
) -> None:
    """The answer of one is enough, and the other is not left hanging."""
    monkeypatch.setattr("gateway.backends._FIRST_TRY_S", 1.0)
    queue = ScriptedQueue(*script)
    async with backend_of(queue) as backend, asyncio.timeout(20):
        await backend.stats("", timeout_s=60)

        async def is_quiet() -> bool:
            return not queue.hanging_count

        await eventually(is_quiet, what="no call is left")
    assert queue.call_count in call_counts


async def test_a_refusal_is_an_answer() -> None:
    """At the first try and at the second: whoever else is asked would say the same."""
    for script in ([Reason.JOB_NOT_FOUND], [Reason.SHUTTING_DOWN, Reason.JOB_NOT_FOUND, None]):
        queue = ScriptedQueue(*script)
        async with backend_of(queue) as backend, asyncio.timeout(20):
            with pytest.raises(ClipferryError) as refused:
                await backend.stats("", timeout_s=60)
        assert refused.value.reason is Reason.JOB_NOT_FOUND
        assert 1 + (len(script) > 1) <= queue.call_count <= len(script)


async def test_when_all_fail_the_reason_is_told() -> None:
    queue = ScriptedQueue(*[Reason.SHUTTING_DOWN] * 3)
    async with backend_of(queue) as backend:
        with pytest.raises(ClipferryError) as failed:
            await backend.stats("")

    assert failed.value.reason is Reason.SHUTTING_DOWN
    assert queue.call_count == 3


async def test_what_is_not_harmless_is_not_repeated() -> None:
    queue = ScriptedQueue(Reason.SHUTTING_DOWN)
    async with backend_of(queue) as backend:
        with pytest.raises(ClipferryError) as failed:
            await backend.retry_job("1", "", allow_duplicate_delivery=False)

    assert failed.value.reason is Reason.SHUTTING_DOWN
    assert queue.call_count == 1
