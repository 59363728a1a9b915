"""The images themselves: who they run as, what is in them, and what they say of it."""

import json
import subprocess
from pathlib import Path

import docker
import pytest

from tests.containers.engine import ROOT, SERVICES, image
from tests.processes.tools import MAKE, needs

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


@pytest.mark.usefixtures("images")
def test_the_list_of_parts_is_whole(tmp_path: Path) -> None:
    """The SBOM that `make sbom` writes for a release names what is pinned."""
    done = subprocess.run(
        [*MAKE, "sbom", "SERVICES=processor", f"SBOM={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    parts = json.loads((tmp_path / "processor.json").read_text())

    assert parts["bomFormat"] == "CycloneDX"
    names = {part["name"] for part in parts["components"]}
    assert {"yt-dlp", "grpcio", "pycryptodomex", "imageio-ffmpeg", "libc6"} <= names
