"""Containers for tests that need them: `make test-containers`."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.containers.building import build_images
from tests.containers.engine import Town, engine


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The four images."""
    build_images(tmp_path_factory.mktemp("build"))


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
