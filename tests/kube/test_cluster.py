"""In a real cluster: rollouts, evictions, killed pods and scaling, seen by callers inside. Skips without KUBECONFIG."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.eventually import eventually
from tests.kube.cluster import Cluster, clipferry
from tests.processes.tools import needs

pytestmark = [
    needs("kubectl"),
    pytest.mark.skipif("KUBECONFIG" not in os.environ, reason="KUBECONFIG names no cluster"),
    pytest.mark.timeout(900),
]

# Runs in a gateway's pod, over a channel as the gateway has it: fifty calls a second to every processor there is.
LOAD = """
import asyncio, json, sys, time
from clipferry.processor.v1 import processor_service_pb2 as pb, processor_service_pb2_grpc as rpc
from services.chassis.channel import open_link
async def main():
    token = open("/run/secrets/clipferry/service-token").read().strip()
    counts, failures = {}, []
    async with open_link("dns:///processor:50052", token=token) as link:
        stub, ends_at_s = rpc.ProcessorServiceStub(link.channel), time.monotonic() + float(sys.argv[1])
        while time.monotonic() < ends_at_s:
            try:
                status = await stub.GetStatus(pb.GetStatusRequest(), timeout=5, metadata=link.metadata)
                counts[status.worker_id] = counts.get(status.worker_id, 0) + 1
            except Exception as error:
                failures.append(str(error)[:200])
            await asyncio.sleep(0.02)
    print(json.dumps({"counts": counts, "failures": failures}))
asyncio.run(main())
"""

# The same for the queue: one call, its request and its answer as JSON.
CALL = """
import asyncio, json, sys
from google.protobuf import json_format
from clipferry.queue.v1 import queue_service_pb2 as pb, queue_service_pb2_grpc as rpc
from services.chassis.channel import open_link
async def main():
    token = open("/run/secrets/clipferry/service-token").read().strip()
    method, request = sys.argv[1], json_format.Parse(sys.argv[2], getattr(pb, sys.argv[1] + "Request")())
    async with open_link("dns:///queue:50051", token=token) as link:
        stub = rpc.QueueServiceStub(link.channel)
        answer = await getattr(stub, method)(request, timeout=90, metadata=link.metadata, wait_for_ready=True)
    print(json.dumps(json_format.MessageToDict(answer)))
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with clipferry() as cluster:
        yield cluster


class Load:
    """Calls to the processors for some seconds, beside what the test does."""

    def __init__(self, cluster: Cluster, for_s: int) -> None:
        self._cluster = cluster
        self._for_s = for_s
        self._seen: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._seen = self._cluster.inside("gateway", str(self._for_s), script=LOAD)

    def seen(self) -> dict[str, Any]:
        """Wait for its end; returns how many calls each processor answered, and what failed."""
        self._thread.join()
        assert self._seen, "the load did not run"
        return self._seen


def call(cluster: Cluster, method: str, request: dict[str, Any]) -> Any:
    return cluster.inside("gateway", method, json.dumps(request), script=CALL)


def test_no_call_fails_while_processors_are_replaced(cluster: Cluster) -> None:
    """And each of the old and of the new ones had its share."""
    cluster.scale("processor", 2)
    load = Load(cluster, 90)

    cluster.run("rollout", "restart", "deployment/processor")
    cluster.wait("processor")

    seen = load.seen()
    assert seen["failures"] == []
    assert len(seen["counts"]) >= 3


async def test_no_call_fails_while_processors_come_and_go(cluster: Cluster) -> None:
    cluster.scale("processor", 1)
    await eventually(lambda: workers_are(cluster, 1), within_s=60, what="the queue has one worker")
    load = Load(cluster, 90)

    cluster.scale("processor", 3)
    await eventually(lambda: workers_are(cluster, 3), within_s=60, what="the queue has three workers")
    cluster.scale("processor", 1)

    assert load.seen()["failures"] == []


async def test_a_drain_takes_one_processor_at_a_time(cluster: Cluster) -> None:
    """The second eviction is refused until the first one's successor is ready."""
    cluster.scale("processor", 2)
    await eventually(lambda: budget_is(cluster, 1), within_s=60, what="the budget has counted both")
    first, second = cluster.pods("processor")

    answers = [evict(cluster, pod) for pod in (first, second)]
    cluster.wait("processor")

    assert answers[0] == ""
    assert "disruption budget" in answers[1]


def test_a_job_outlives_its_queue(cluster: Cluster) -> None:
    """Killed without notice: the next pod has the same jobs."""
    spec = {"url": "https://video.test/1"}
    job = call(cluster, "SubmitJob", {"owner": "ann", "spec": spec})["job"]["name"]
    (pod,) = cluster.pods("queue")

    cluster.run("delete", "pod", pod, "--grace-period=0", "--force")
    cluster.wait("queue")

    assert call(cluster, "GetJob", {"name": job, "owner": "ann"})["job"]["name"] == job


def test_what_a_pod_may_do_is_nothing_more(cluster: Cluster) -> None:
    """Its root cannot be written, and its videos are in memory."""
    look = (
        "import json, os, pathlib; "
        "mounts = {m.split()[1]: m.split()[2] for m in pathlib.Path('/proc/mounts').read_text().splitlines()}; "
        "print(json.dumps([os.getuid(), os.access('/', os.W_OK), mounts['/scratch']]))"
    )

    assert cluster.inside("processor", script=look) == [10001, False, "tmpfs"]


async def workers_are(cluster: Cluster, count: int) -> bool:
    stats = (await asyncio.to_thread(call, cluster, "GetStats", {}))["stats"]
    return bool(stats.get("workers", 0) == count)


async def budget_is(cluster: Cluster, count: int) -> bool:
    """Return whether the processors' budget has seen two pods, and so many may go."""
    status = (await asyncio.to_thread(cluster.read, "get", "poddisruptionbudget", "processor")).get("status", {})
    return (status.get("currentHealthy"), status.get("disruptionsAllowed")) == (2, count)


def evict(cluster: Cluster, pod: str) -> str:
    """Ask for an eviction as a drain does; returns why it was refused, nothing if it was not."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": cluster.namespace},
    }
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/eviction"
    done = cluster.tried("create", f"--raw={path}", "--filename=-", said=json.dumps(eviction))
    return "" if done.returncode == 0 else done.stderr
