"""How submits travel together: few calls, nobody waits for one that hangs, and each hears of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from clipferry.queue.v1 import job_pb2, queue_service_pb2
from gateway.batching import SubmitBatcher, open_batcher
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import to_status
from tests.fakes.eventually import eventually


class HeldQueue:
    """A queue that answers a call when it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], asyncio.Event]] = []

    async def submit_jobs(
        self, requests: Sequence[queue_service_pb2.SubmitJobRequest]
    ) -> Sequence[queue_service_pb2.SubmitResult]:
        let_go = asyncio.Event()
        self.calls.append(([request.request_id for request in requests], let_go))
        await let_go.wait()
        return [_result(request.request_id) for request in requests]

    async def has_calls(self, count: int) -> None:
        async def are_there() -> bool:
            return len(self.calls) >= count

        await eventually(are_there, within_s=20, what=f"{count} calls")

    def sizes(self) -> list[int]:
        return [len(names) for names, _ in self.calls]


def _result(name: str) -> queue_service_pb2.SubmitResult:
    if name.startswith("bad"):
        return queue_service_pb2.SubmitResult(error=to_status(ClipferryError(Reason.QUEUE_FULL)))
    return queue_service_pb2.SubmitResult(
        accepted=queue_service_pb2.SubmitJobResponse(job=job_pb2.Job(name=f"jobs/{name}"))
    )


def submit(batcher: SubmitBatcher, name: str) -> asyncio.Task[Any]:
    return asyncio.create_task(batcher.submit(queue_service_pb2.SubmitJobRequest(request_id=name)))


async def test_those_who_come_at_once_share_a_call_and_each_hears_of_its_own() -> None:
    queue = HeldQueue()
    async with open_batcher(queue) as batcher:  # type: ignore[arg-type]
        tasks = [submit(batcher, name) for name in ("one", "bad", "two")]
        await queue.has_calls(1)
        queue.calls[0][1].set()
        one, two = await tasks[0], await tasks[2]
        with pytest.raises(ClipferryError) as refused:
            await tasks[1]

    assert queue.sizes() == [3]
    assert (one.job.name, two.job.name) == ("jobs/one", "jobs/two")
    assert refused.value.reason is Reason.QUEUE_FULL


async def test_callers_who_ask_again_and_again_do_not_fall_into_two_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who came during a call go out together with those whom it answered, in one call."""
    monkeypatch.setattr("gateway.batching._LINGER_S", 20.0)  # so that a slow machine changes nothing
    monkeypatch.setattr("gateway.batching._SLOW_S", 20.0)
    queue = HeldQueue()
    async with open_batcher(queue) as batcher:  # type: ignore[arg-type]
        first = [submit(batcher, f"first-{number}") for number in range(3)]
        await queue.has_calls(1)
        during = [submit(batcher, f"during-{number}") for number in range(2)]
        await asyncio.sleep(0)
        queue.calls[0][1].set()
        await asyncio.gather(*first)
        again = [submit(batcher, f"again-{number}") for number in range(3)]
        await queue.has_calls(2)
        queue.calls[1][1].set()
        await asyncio.gather(*during, *again)
        monkeypatch.setattr("gateway.batching._LINGER_S", 0.0)
        batcher._has_wanted.set()  # nobody asks again

    assert queue.sizes() == [3, 5]


async def test_whoever_does_not_come_back_is_waited_for_only_a_moment() -> None:
    queue = HeldQueue()
    async with open_batcher(queue) as batcher:  # type: ignore[arg-type]
        gone = [submit(batcher, f"gone-{number}") for number in range(3)]
        await queue.has_calls(1)
        waits = submit(batcher, "waits")
        await asyncio.sleep(0)
        queue.calls[0][1].set()
        await asyncio.gather(*gone)
        await queue.has_calls(2)
        queue.calls[1][1].set()
        assert (await waits).job.name == "jobs/waits"


async def test_a_call_that_hangs_keeps_nobody_waiting() -> None:
    """A second one goes beside it, and no third; when it is over, calls go out one at a time again."""
    queue = HeldQueue()
    async with open_batcher(queue) as batcher:  # type: ignore[arg-type]
        hanging = submit(batcher, "hanging")
        await queue.has_calls(1)
        waits = submit(batcher, "waits")
        await queue.has_calls(2)
        third = submit(batcher, "third")
        queue.calls[1][1].set()
        assert (await waits).job.name == "jobs/waits"
        await queue.has_calls(3)
        queue.calls[0][1].set()
        queue.calls[2][1].set()
        await asyncio.gather(hanging, third)

    assert queue.sizes() == [1, 1, 1]


async def test_a_call_that_fails_fails_for_all_in_it_and_no_other() -> None:
    class Broken(HeldQueue):
        async def submit_jobs(
            self, requests: Sequence[queue_service_pb2.SubmitJobRequest]
        ) -> Sequence[queue_service_pb2.SubmitResult]:
            if requests[0].request_id == "broken":
                raise ClipferryError(Reason.UNAVAILABLE)
            return [_result(request.request_id) for request in requests]

    async with open_batcher(Broken()) as batcher:  # type: ignore[arg-type]
        broken, also = submit(batcher, "broken"), submit(batcher, "also")
        for task in (broken, also):
            with pytest.raises(ClipferryError):
                await task
        assert (await submit(batcher, "whole")).job.name == "jobs/whole"
