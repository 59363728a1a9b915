"""In a real cluster: everything is rolled out anew while videos are delivered. Skips without KUBECONFIG."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.kube.cluster import Cluster, clipferry_with_outside
from tests.processes.tools import needs

pytestmark = [
    needs("kubectl"),
    pytest.mark.skipif("KUBECONFIG" not in os.environ, reason="KUBECONFIG names no cluster"),
    pytest.mark.timeout(1800),
]

STOP = "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/stop', data=b''); print('{}')"
MESSAGES = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/messages').read().decode())"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One of its own for each test: the outside keeps what was sent."""
    with clipferry_with_outside() as cluster:
        yield cluster


@contextmanager
def client(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Let a client submit and read for the length of the block; what it saw is in what is yielded, after the block."""
    seen: dict[str, Any] = {}
    cluster.run("patch", "job/client", "--patch", '{"spec": {"suspend": false}}')
    cluster.run("wait", "job/client", "--for=jsonpath={.status.ready}=1", "--timeout=120s")
    yield seen
    cluster.inside("outside", script=STOP)
    cluster.run("wait", "job/client", "--for=condition=Complete", "--timeout=300s")
    seen.update(json.loads(cluster.run("logs", "job/client").splitlines()[-1]))


@pytest.mark.parametrize("how", ["rollout", "kill"])
def test_nobody_notices_that_everything_is_replaced(cluster: Cluster, how: str) -> None:
    """By rollouts: no request fails. By pods that are deleted, one of each: as if they had been rolled out."""
    with client(cluster) as seen:
        for service in ("queue", "gateway", "processor", "notifier"):
            if how == "rollout":
                cluster.run("rollout", "restart", f"deployment/{service}")
            else:
                cluster.run("delete", "pod", cluster.pods(service)[0])
            cluster.wait(service)

    assert seen["failures"] == []
    assert set(seen["statuses"].values()) == {"completed"}
    assert len(seen["statuses"]) >= 10
    assert sorted(cluster.inside("outside", script=MESSAGES)) == sorted(seen["statuses"])


def test_each_video_arrives_once_whoever_is_killed(cluster: Cluster) -> None:
    """Without notice, what was being sent may be unknown; it is said, and nothing is lost or sent twice."""
    with client(cluster) as seen:
        for service in ("queue", "gateway", "processor", "notifier"):
            cluster.run("delete", "pod", cluster.pods(service)[0], "--grace-period=0", "--force")
            cluster.wait(service)

    messages = cluster.inside("outside", script=MESSAGES)
    completed = {caption for caption, status in seen["statuses"].items() if status == "completed"}
    assert set(seen["statuses"].values()) <= {"completed", "failed"}
    assert len(messages) == len(set(messages))
    assert completed <= set(messages)
    assert len(completed) >= 10
