"""What KEDA is told, asked as KEDA does: over a plain connection, without a token."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from clipferry.keda import externalscaler_pb2 as pb
from clipferry.keda import externalscaler_pb2_grpc as pb_grpc
from clipferry.queue.v1 import job_pb2
from services.chassis.channel import open_link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.status import remote_errors
from services.queue.service import queue_service
from tests.fakes.queue_client import DEADLINE_S, QueueClient, queue_at_hand, settings_for

REF = pb.ScaledObjectRef(name="processor", namespace="clipferry")
GB = 1 << 30


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[QueueClient]:
    async with queue_at_hand(tmp_path, stats_interval_s=60) as opened:
        yield opened


def scaler(client: QueueClient) -> Any:
    return pb_grpc.ExternalScalerStub(client.link.channel)


async def count(client: QueueClient) -> int:
    """Return what KEDA would divide by the target."""
    request = pb.GetMetricsRequest(scaledObjectRef=REF, metricName="clipferry-jobs")
    (value,) = (await client.call(scaler(client).GetMetrics, request)).metricValues
    assert (value.metricName, value.metricValueFloat) == ("clipferry-jobs", float(value.metricValue))
    amount: int = value.metricValue
    return amount


async def is_active(client: QueueClient) -> bool:
    active: bool = (await client.call(scaler(client).IsActive, REF)).result
    return active


async def test_jobs_that_wait_and_jobs_that_run_count(client: QueueClient) -> None:
    """A job that runs counts, or a scaler would take its processor away; one that has ended does not."""
    assert (await count(client), await is_active(client)) == (0, False)
    jobs = [await client.submit(f"https://video.test/{number}") for number in range(3)]

    async with client.worker() as worker:
        await worker.ready(1, free_bytes=GB)
        run = await worker.run()
        assert (await count(client), await is_active(client)) == (3, True)
        for job in jobs:
            if job.name != run.lease.job_name:
                await client.cancel(job.name)
        assert (await count(client), await is_active(client)) == (1, True)
        error = job_pb2.JobError(reason="PRIVATE", message="It is private.")
        await worker.move(1, fail_job={"lease": run.lease, "error": error})

    assert (await count(client), await is_active(client)) == (0, False)


async def test_the_first_job_and_the_end_of_the_last_are_pushed(client: QueueClient) -> None:
    """Without waiting for the next poll; and nothing is said in between."""
    call = scaler(client).StreamIsActive(REF, timeout=DEADLINE_S)
    assert (await call.read()).result is False

    first = await client.submit("https://video.test/1")
    assert (await call.read()).result is True
    second = await client.submit("https://video.test/2")
    await client.cancel(first.name)
    await client.cancel(second.name)
    assert (await call.read()).result is False
    call.cancel()


async def test_a_stream_ends_by_itself(tmp_path: Path) -> None:
    """So that KEDA finds new replicas."""
    async with queue_at_hand(tmp_path, watch_max_age_s=0.1) as client:
        call = scaler(client).StreamIsActive(REF, timeout=DEADLINE_S)
        answers = [answer.result async for answer in call]

    assert answers == [False]


async def test_a_stream_does_not_hold_up_a_drain(tmp_path: Path) -> None:
    """It ends by itself, long before the drain would cut it."""
    async with contextlib.AsyncExitStack() as outer:
        stack = await outer.enter_async_context(contextlib.AsyncExitStack())
        port = await stack.enter_async_context(queue_service(settings_for(tmp_path, drain_s=60)))
        link = await outer.enter_async_context(open_link(f"127.0.0.1:{port}"))
        call = pb_grpc.ExternalScalerStub(link.channel).StreamIsActive(REF, timeout=DEADLINE_S)
        assert (await call.read()).result is False

        closing = asyncio.create_task(stack.aclose())

        assert await call.read() is grpc.aio.EOF
        await closing


@pytest.mark.parametrize(
    ("metadata", "expected"), [({}, 3.0), ({"targetPerReplica": "2"}, 2.0), ({"targetPerReplica": "0.5"}, 0.5)]
)
async def test_the_scaled_object_says_how_much_one_replica_takes(
    client: QueueClient, metadata: dict[str, str], expected: float
) -> None:
    """By default what a processor runs at once."""
    asked = pb.ScaledObjectRef(name="processor", namespace="clipferry", scalerMetadata=metadata)

    (spec,) = (await client.call(scaler(client).GetMetricSpec, asked)).metricSpecs

    assert (spec.metricName, spec.targetSizeFloat) == ("clipferry-jobs", expected)
    assert spec.targetSize >= 1


@pytest.mark.parametrize("target", ["", "many", "0", "-1", "nan", "1001"])
async def test_a_target_that_makes_no_sense_is_refused(client: QueueClient, target: str) -> None:
    asked = pb.ScaledObjectRef(name="processor", scalerMetadata={"targetPerReplica": target})

    with pytest.raises(ClipferryError, match="targetPerReplica must be a number above 0 and at most 1000") as refused:
        await client.call(scaler(client).GetMetricSpec, asked)

    assert refused.value.reason is Reason.FIELD_INVALID


async def test_another_metric_is_refused(client: QueueClient) -> None:
    with pytest.raises(ClipferryError, match="must be clipferry-jobs"):
        await client.call(scaler(client).GetMetrics, pb.GetMetricsRequest(metricName="other"))


async def test_no_token_is_needed(tmp_path: Path) -> None:
    """KEDA cannot show one. It learns one number."""
    async with queue_at_hand(tmp_path, service_token="a-token-of-the-services") as client:
        with remote_errors():
            answer = await scaler(client).IsActive(REF, timeout=DEADLINE_S)

    assert answer.result is False
