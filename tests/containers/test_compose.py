"""`deploy/compose.yaml` as it is: it comes up, and everybody finds everybody."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import docker
import httpx
import pytest
import yaml

from tests.containers.engine import API_KEY, ROOT, Town
from tests.containers.outside import BOT_API_PORT, CHAT, TOKEN
from tests.fakes.eventually import eventually
from tests.processes.ports import free_ports
from tests.processes.tools import needs

pytestmark = [needs("podman"), pytest.mark.timeout(300, func_only=True)]

PROJECT = "clipferry-composed"
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
def gateway_url(client: docker.DockerClient, tmp_path: Path) -> Iterator[str]:
    port = free_ports(["GATEWAY_PORT"])["GATEWAY_PORT"]
    variables = {
        "TELEGRAM_CHAT_ID": CHAT,
        "TELEGRAM_API_BASE_URL": f"http://outside:{BOT_API_PORT}",
        "GATEWAY_PORT": str(port),
    }
    composed = partial(compose, folder=tmp_path, variables=variables)
    outside = Town(client, f"{PROJECT}_outside")
    try:
        composed("up", "--no-start")
        outside.run_outside()
        composed("start")
        yield f"http://127.0.0.1:{port}"
    finally:
        outside.remove()
        composed("down", "--volumes", "--timeout", "5")


async def test_compose_comes_up(client: docker.DockerClient, gateway_url: str) -> None:
    async def is_healthy() -> bool:
        try:
            async with httpx.AsyncClient(base_url=gateway_url, trust_env=False) as http:
                return (await http.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(is_healthy, within_s=90)

    composed = client.containers.list(filters={"label": f"com.docker.compose.project={PROJECT}"})
    assert len(composed) == 4
    for container in composed:
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0


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
