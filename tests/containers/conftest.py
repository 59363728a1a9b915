"""Containers for tests that need them: `make test-containers`."""

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.containers.engine import ROOT, Town, engine
from tests.processes.tools import MAKE


@pytest.fixture(scope="session")
def images() -> None:
    """Build the four images; what has not changed is not built again."""
    built = subprocess.run([*MAKE, "images"], cwd=ROOT, capture_output=True, text=True, timeout=1_200, check=False)
    assert built.returncode == 0, built.stdout + built.stderr


@pytest.fixture(scope="session")
def client(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[docker.DockerClient]:
    with engine(Path(tmp_path_factory.mktemp("engine"))) as opened:
        yield opened


@pytest.fixture
def town(client: docker.DockerClient) -> Iterator[Town]:
    name = f"clipferry-{uuid.uuid4().hex[:8]}"
    network = client.networks.create(name)
    town = Town(client, name)
    try:
        yield town
    finally:
        town.remove()
        network.remove()
