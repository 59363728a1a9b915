"""The images themselves: who they run as, what is in them, and what they say of it."""

import json
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from tests.containers.engine import SERVICES, image
from tests.processes.tools import needs

pytestmark = [needs("podman"), pytest.mark.timeout(600, func_only=True)]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_what_it_is_and_runs_as_nobody(client: docker.DockerClient, service: str) -> None:
    attributes = client.images.get(image(service)).attrs

    config = attributes["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][:2] == ["python", "-m"]
    assert config["Labels"]["org.opencontainers.image.title"] == f"clipferry-{service}"
    assert {"version", "revision", "base.name"} <= {
        label.removeprefix("org.opencontainers.image.") for label in config["Labels"]
    }


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_what_its_service_needs_and_no_more(client: docker.DockerClient, service: str) -> None:
    """Neither another service's libraries nor what is for development."""
    only = {"queue": "uuid_utils", "processor": "yt_dlp", "notifier": "telegram", "gateway": "fastapi"}
    look = (
        "import importlib.util as u; "
        f"print([n for n in {[*only.values(), 'Cryptodome', 'pytest', 'pip']} if u.find_spec(n)])"
    )

    said = client.containers.run(image(service), entrypoint=["python", "-c", look], remove=True, read_only=True)

    expected = {only[service]} | ({"Cryptodome"} if service == "processor" else set())
    assert set(json.loads(said.decode().replace("'", '"'))) == expected


def test_the_list_of_parts_is_whole(client: docker.DockerClient, tmp_path: Path) -> None:
    """The SBOM that a release ships names what is pinned."""
    archive, parts = tmp_path / "image.tar", tmp_path / "sbom.json"
    archive.write_bytes(b"".join(client.images.get(image("processor")).save()))

    subprocess.run(
        [f"{sys.prefix}/bin/syft", "scan", f"docker-archive:{archive}", "-o", f"cyclonedx-json={parts}", "-q"],
        check=True,
        timeout=300,
    )

    names = {part["name"] for part in json.loads(parts.read_text())["components"]}
    assert {"yt-dlp", "grpcio", "pycryptodomex", "imageio-ffmpeg", "libc6"} <= names
