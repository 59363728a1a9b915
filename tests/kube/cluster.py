"""The cluster that KUBECONFIG names, by kubectl: clipferry in a namespace of its own."""

import json
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import yaml

from tests.deploy.rendering import Manifest, kustomized

_DATABASE = "postgresql://clipferry:kube-password@postgres:5432/clipferry"
_SECRETS = {
    "clipferry": {
        "service-token": "kube-token-0123456789abcdef",
        "telegram-bot-token": "123456789:kube-token-of-nobody-at-all",
        "admin-api-key": "kube-admin-key-0123456789",
    },
    "clipferry-database": {
        "password": "kube-password",
        "queue-url": _DATABASE,
        "gateway-url": _DATABASE,
        "notifier-url": _DATABASE,
    },
}
_SERVICES = ("queue", "processor", "notifier", "gateway")
_AMOUNTS = {"cpu": "200m", "memory": "768Mi", "ephemeral-storage": "16Mi"}
_SMALL_PROCESSOR = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "processor"},
    "spec": {
        "template": {
            "spec": {
                "containers": [{"name": "processor", "resources": {"requests": _AMOUNTS, "limits": dict(_AMOUNTS)}}]
            }
        }
    },
}
"""Four of them at once have room on a node of a developer's machine."""
_READY_WITHIN = "--timeout=300s"


class Cluster:
    """One namespace.

    Args:
        namespace: Its name.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def run(self, *arguments: str, said: str = "") -> str:
        """Run kubectl in the namespace; returns what it prints.

        Raises:
            AssertionError: If it fails, with what it says.
        """
        done = self.tried(*arguments, said=said)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def tried(self, *arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl in the namespace, whatever becomes of it."""
        command = ["kubectl", "--namespace", self.namespace, *arguments]
        return subprocess.run(command, input=said, capture_output=True, text=True, timeout=600, check=False)

    def read(self, *arguments: str) -> Any:
        """Return what the API server has, as JSON."""
        return json.loads(self.run(*arguments, "--output=json"))

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Make or change objects."""
        self.run("apply", "--filename=-", said=yaml.safe_dump_all(manifests))

    def wait(self, service: str) -> None:
        """Wait until the newest form of a service is ready everywhere."""
        self.run("rollout", "status", f"deployment/{service}", _READY_WITHIN)

    def scale(self, service: str, count: int) -> None:
        """Set how many there are, and wait until they are ready."""
        self.run("scale", f"deployment/{service}", f"--replicas={count}")
        self.wait(service)

    def pods(self, service: str) -> list[str]:
        """Return the names of the pods that run and are not on their way out."""
        found = self.read("get", "pods", f"--selector=app.kubernetes.io/name={service}")["items"]
        return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def inside(self, service: str, *arguments: str, script: str) -> Any:
        """Run a Python script in a pod of a service; returns the JSON that it prints last."""
        said = self.run("exec", f"deployment/{service}", "--", "python", "-c", script, *arguments)
        return json.loads(said.splitlines()[-1])


@contextmanager
def clipferry() -> Iterator[Cluster]:
    """Bring up the dev overlay in a new namespace for the length of the block.

    Its images, ``localhost/clipferry/…:dev``, must be there: load what `make images` builds, or name others under
    ``images`` of the overlay.
    """
    # Nobody's bot: the real Telegram would refuse its token, and the notifier would not start.
    notifier = {
        "name": "notifier-settings",
        "behavior": "merge",
        "literals": ["TELEGRAM_API_BASE_URL=http://127.0.0.1:1"],
    }
    with _brought_up("../dev", notifier, deployments=_SERVICES) as cluster:
        yield cluster


@contextmanager
def clipferry_with_outside() -> Iterator[Cluster]:
    """Bring up `overlay`, which delivers: two of each on PostgreSQL, with a site and a Bot API of its own."""
    with _brought_up("../../../tests/kube/overlay", deployments=("postgres", "outside", *_SERVICES)) as cluster:
        yield cluster


@contextmanager
def _brought_up(overlay: str, *settings: dict[str, Any], deployments: Sequence[str]) -> Iterator[Cluster]:
    cluster = Cluster(f"clipferry-test-{uuid.uuid4().hex[:8]}")
    manifests = kustomized(
        resources=[overlay],
        namespace=cluster.namespace,
        configMapGenerator=[
            *settings,
            {"name": "processor-settings", "behavior": "merge", "literals": ["DRAIN_S=5"]},
        ],
        patches=[{"patch": yaml.safe_dump(_SMALL_PROCESSOR)}],
    )
    secrets = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": cluster.namespace},
            "stringData": values,
        }
        for name, values in _SECRETS.items()
    ]
    try:
        cluster.apply([each for each in manifests if each["kind"] == "Namespace"])
        cluster.apply([*secrets, *manifests])
        for name in deployments:
            cluster.wait(name)
        yield cluster
    finally:
        cluster.tried("delete", "namespace", cluster.namespace, "--ignore-not-found", "--wait=true")
