"""The overlay of `tests/kube`, without a cluster: it renders, fits the schemas, and its pods are admitted."""

import pytest

from tests.deploy.rendering import ROOT, Manifest, kustomized, named, of_kind
from tests.deploy.test_manifests import VERSIONS, check_schemas
from tests.processes.tools import needs

pytestmark = needs("kubectl")

FOLDER = ROOT / "tests/kube/overlay"


@pytest.fixture(scope="module")
def manifests() -> tuple[Manifest, ...]:
    return kustomized(resources=["../../../tests/kube/overlay"], namespace="clipferry-test-1")


@pytest.mark.parametrize("version", VERSIONS)
def test_it_fits_each_version_of_kubernetes(manifests: tuple[Manifest, ...], version: str) -> None:
    check_schemas(manifests, version)


def test_everything_is_in_the_namespace_of_the_test(manifests: tuple[Manifest, ...]) -> None:
    spaces = {
        each["metadata"].get("namespace") for each in manifests if each["kind"] not in ("Namespace", "PriorityClass")
    }

    assert spaces == {"clipferry-test-1"}
    assert [each["metadata"]["name"] for each in of_kind(manifests, "Namespace")] == ["clipferry-test-1"]


def test_a_restricted_namespace_admits_each_pod(manifests: tuple[Manifest, ...]) -> None:
    for each in of_kind(manifests, "Deployment", "Job"):
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_is_rolled_out_has_two_of_each_and_the_scripts_are_these(manifests: tuple[Manifest, ...]) -> None:
    """And the client waits for its test."""
    counts = {each["metadata"]["name"]: each["spec"]["replicas"] for each in of_kind(manifests, "Deployment")}

    assert counts == {"queue": 2, "processor": 2, "notifier": 2, "gateway": 2, "postgres": 1, "outside": 1}
    scripts = {name: (FOLDER / name).read_text() for name in ("outside.py", "client.py")}
    assert named(manifests, "ConfigMap", "outside")["data"] == scripts
    assert named(manifests, "Job", "client")["spec"]["suspend"] is True
    assert not [each for each in manifests if each["kind"] == "PersistentVolumeClaim"]
