"""What is shipped beside the manifests: the Dockerfile, its locks, the compose file, the contract."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.pod_rules import settings_of, workloads
from tests.deploy.rendering import DEPLOY, ROOT, WORKLOADS, overlay
from tests.processes.tools import needs

BIN = Path(sys.prefix) / "bin"


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][\w.\[\]-]*==[^ ;\\]+)", lock.read_text(), re.MULTILINE))


def test_the_dockerfile_has_no_lint() -> None:
    done = run(BIN / "hadolint", "Dockerfile")

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("service", WORKLOADS)
def test_an_image_is_made_of_what_is_tested(service: str) -> None:
    """Its lock is a part of the whole one: `make lock`."""
    of_service = pins(DEPLOY / "locks" / f"{service}.lock")

    assert of_service
    assert of_service <= pins(ROOT / "requirements.lock")


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    """`.dockerignore` lets in what the Dockerfile names, so that no secret of a developer's folder gets near it."""
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source.replace("/${SERVICE}.lock", "") for line in copied for source in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == sources
    assert "*" in ignored


@pytest.mark.parametrize("service", WORKLOADS)
def test_compose_is_as_hardened_as_a_pod(service: str) -> None:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][service]

    assert composed["read_only"] is True
    assert composed["cap_drop"] == ["ALL"]
    assert composed["security_opt"] == ["no-new-privileges:true"]
    assert composed["pids_limit"] > 0
    assert composed["mem_limit"]
    assert all(port.startswith("127.0.0.1:") for port in composed.get("ports", ()))


def test_only_the_gateway_and_those_who_go_out_are_on_the_outer_network() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    assert {name for name, each in services.items() if "outside" in each["networks"]} == set(services) - {
        "queue",
        "postgresql",
    }


@needs("kubectl")
def test_a_stop_in_compose_is_as_long_as_its_drain() -> None:
    """And in a cluster what the settings say is what the rules look at."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, _, _, container in workloads(overlay("dev")):
        drain_s = float(services[name]["environment"].get("DRAIN_S", settings_of(overlay("dev"), container)["DRAIN_S"]))

        assert float(services[name]["stop_grace_period"].removesuffix("s")) >= drain_s + 10


def told_of(protos: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Compare with the contract as of the last release."""
    now = folder / "now.binpb"
    built = run(BIN / "buf", "build", "-o", now, cwd=protos)
    assert built.returncode == 0, built.stderr
    config = json.dumps({"version": "v2", "breaking": {"use": ["WIRE_JSON"]}})
    released = ROOT / "tests/contract/data/contract.binpb"
    return run(BIN / "buf", "breaking", now, "--against", released, "--config", config)


def test_the_contract_has_not_been_broken(tmp_path: Path) -> None:
    """Whoever speaks it as of the last release is still understood: ``buf build -o`` writes it anew at the next."""
    done = told_of(ROOT / "protos", tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_contract_is_told(tmp_path: Path) -> None:
    protos = Path(shutil.copytree(ROOT / "protos", tmp_path / "protos", ignore=shutil.ignore_patterns("gen")))
    job = protos / "clipferry/queue/v1/job.proto"
    job.write_text(re.sub(r"string name = 1;", "int64 name = 1;", job.read_text(), count=1))

    done = told_of(protos, tmp_path)

    assert done.returncode != 0
    assert "job.proto" in done.stdout
