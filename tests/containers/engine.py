"""podman, spoken to as Docker is: images, a network, and containers as hardened as in a cluster."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from tests.containers.outside import BOT_API_PORT, CHAT, SITE_PORT, TOKEN

ROOT = Path(__file__).parent.parent.parent
SERVICES = ("queue", "processor", "notifier", "gateway")
API_KEY = "containers-admin-key-0123456789"
SITE = f"http://outside:{SITE_PORT}"
BASE = "docker.io/library/python:3.11-slim"
_UP_WITHIN_S = 60.0
_SETTINGS: Mapping[str, str] = {
    "SERVICE_TOKEN": "containers-token-0123456789",
    "ALLOW_PLAINTEXT": "true",
    "LEASE_TTL_S": "6",
    "BEAT_INTERVAL_S": "1",
    "REAP_INTERVAL_S": "0.2",
    "RETRY_BACKOFF_S": "0",
    "WORKER_SPAWN_DELAY": "0",
    "DRAIN_S": "1",
    "REQUESTS_PER_MIN": "0",
    "ADDRESS_REQUESTS_PER_MIN": "0",
    "QUEUE_TARGET": "dns:///queue:50051",
    "PROCESSOR_TARGET": "dns:///processor:50052",
    "NOTIFIER_TARGET": "dns:///notifier:50053",
    "TELEGRAM_API_BASE_URL": f"http://outside:{BOT_API_PORT}",
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "TELEGRAM_CHAT_ID": CHAT,
    "EGRESS_ALLOW": f"outside:{SITE_PORT}",
    "ADMIN_API_KEY": API_KEY,
}
# What a service works on is memory here too, so that what is written to a disk is really its own.
_TMPFS: Mapping[str, Mapping[str, str]] = {
    "queue": {"/data": "size=64m,mode=1777"},
    "processor": {"/scratch": "size=256m,mode=1777,noexec,nosuid,nodev"},
    "gateway": {"/data": "size=64m,mode=1777"},
}


def image(service: str) -> str:
    """Return the name of a service's image, as `make images` builds it."""
    return f"localhost/clipferry/{service}:dev"


@contextmanager
def engine(folder: Path) -> Iterator[docker.DockerClient]:
    """Serve podman's API for the length of the block; yields a client."""
    socket = folder / "podman.sock"
    serving = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{socket}"], cwd=folder)
    try:
        _wait_for(socket.exists)
        with_client = docker.DockerClient(base_url=f"unix://{socket}", timeout=120)
        yield with_client
        with_client.close()
    finally:
        serving.terminate()
        serving.wait(timeout=30)


class Town:
    """The containers of one test, on a network of their own.

    Args:
        client: The engine.
        network: Its name.
    """

    def __init__(self, client: docker.DockerClient, network: str) -> None:
        self._client = client
        self._network = network
        self._all: list[Container] = []

    def run(self, service: str, *, alias: str = "", memory: str = "512m", **changed: str) -> Container:
        """Start a service, reached by its name or `alias`, as a pod runs it: nothing but what it is given."""
        return self._add(
            alias or service,
            image=image(service),
            environment={**_SETTINGS, **changed},
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=256,
            mem_limit=memory,
            memswap_limit=memory,
            tmpfs=dict(_TMPFS.get(service, {})),
            ports={"3000/tcp": ("127.0.0.1", None)} if service == "gateway" else {},
        )

    def run_outside(self) -> Container:
        """Start the sample site and the Bot API stand-in, from this source and this Python."""
        shared = {
            str(path): {"bind": str(path), "mode": "ro"} for path in {ROOT, Path(sys.base_prefix), Path(sys.prefix)}
        }
        return self._add(
            "outside",
            image=BASE,
            command=[sys.executable, "-m", "tests.containers.outside"],
            working_dir=str(ROOT),
            volumes=shared,
            environment={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT / "protos/gen")},
            ports={f"{BOT_API_PORT}/tcp": ("127.0.0.1", None)},
        )

    def run_all(self, **changed: str) -> dict[str, Container]:
        """Start everything once; `changed` settings are those of every service."""
        return {"outside": self.run_outside(), **{service: self.run(service, **changed) for service in SERVICES}}

    def remove(self) -> None:
        """Stop and remove everything, at once."""
        for container in self._all:
            container.remove(force=True, v=True)

    def _add(self, alias: str, **options: Any) -> Container:
        # Created and connected before it starts, so that its name is there when it looks for others.
        container = self._client.containers.create(
            detach=True, network=self._network, hostname=alias, name=f"{self._network}-{alias}", **options
        )
        self._all.append(container)
        network = self._client.networks.get(self._network)
        network.disconnect(container)
        network.connect(container, aliases=[alias])
        container.start()
        return container


def address(container: Container, port: int) -> str:
    """Return where a published port of a container is reached from here."""
    container.reload()
    (binding,) = container.attrs["NetworkSettings"]["Ports"][f"{port}/tcp"]
    return f"http://127.0.0.1:{binding['HostPort']}"


def pid(container: Container) -> int:
    """Return the process id, outside, of a container's first process."""
    container.reload()
    found: int = container.attrs["State"]["Pid"]
    return found


def _wait_for(is_so: Any) -> None:
    gives_up_at_s = time.monotonic() + _UP_WITHIN_S
    while not is_so():
        assert time.monotonic() < gives_up_at_s, "the engine does not answer"
        time.sleep(0.05)
