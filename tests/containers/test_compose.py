"""`deploy/compose.yaml` as it is: it comes up, and everybody finds everybody."""

import os
import subprocess
import sys
from collections.abc import Iterator

import docker
import httpx
import pytest

from tests.containers.engine import API_KEY, ROOT, Town
from tests.containers.outside import BOT_API_PORT, CHAT, TOKEN
from tests.fakes.eventually import eventually
from tests.processes.ports import free_ports
from tests.processes.tools import needs

pytestmark = [needs("podman"), pytest.mark.timeout(300)]

PROJECT = "clipferry-composed"


@pytest.fixture
def gateway_url(client: docker.DockerClient) -> Iterator[str]:
    port = free_ports(["GATEWAY_PORT"])["GATEWAY_PORT"]
    variables = {
        "SERVICE_TOKEN": "composed-token-0123456789",
        "ADMIN_API_KEY": API_KEY,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_CHAT_ID": CHAT,
        "TELEGRAM_API_BASE_URL": f"http://outside:{BOT_API_PORT}",
        "GATEWAY_PORT": str(port),
    }

    def compose(*arguments: str) -> None:
        done = subprocess.run(
            [f"{sys.prefix}/bin/podman-compose", "-p", PROJECT, "-f", str(ROOT / "deploy/compose.yaml"), *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    outside = Town(client, f"{PROJECT}_outside")
    try:
        compose("up", "--no-start")
        outside.run_outside()
        compose("start")
        yield f"http://127.0.0.1:{port}"
    finally:
        outside.remove()
        compose("down", "--volumes", "--timeout", "5")


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
