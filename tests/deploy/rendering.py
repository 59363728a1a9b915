"""Manifests as a cluster would get them: kustomize's output, as dictionaries."""

import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
OVERLAYS = ("dev", "staging", "prod")
NEEDS = {
    "hpa-cpu": ("postgresql",),
    "keda-mtls": ("keda-external-push", "mtls"),
    "network-policies/postgresql": ("network-policies", "postgresql"),
    "network-policies/telegram-local-api": ("network-policies", "telegram-local-api"),
    "network-policies/tracing": ("network-policies", "tracing"),
}
"""What a component says in its README that it goes with."""
_FOLDER = DEPLOY / "components"
COMPONENTS = tuple(sorted(str(path.parent.relative_to(_FOLDER)) for path in _FOLDER.rglob("kustomization.yaml")))
WORKLOADS = ("queue", "processor", "notifier", "gateway")

Manifest = dict[str, Any]


@cache
def overlay(name: str) -> tuple[Manifest, ...]:
    """Return the manifests of an overlay. Look, do not change: they are shared."""
    return _kustomize(DEPLOY / "overlays" / name)


@cache
def combination(*components: str) -> tuple[Manifest, ...]:
    """Return the manifests of the base with components, in this order."""
    return kustomized(
        resources=["../../base"], components=[f"../../components/{name}" for name in components], namespace="clipferry"
    )


def without_component(name: str, component: str) -> tuple[Manifest, ...]:
    """Return the manifests of an overlay from which a component was taken out."""
    kustomization = yaml.safe_load((DEPLOY / "overlays" / name / "kustomization.yaml").read_text())
    kustomization["components"].remove(f"../../components/{component}")
    return kustomized(**kustomization)


def kustomized(**kustomization: Any) -> tuple[Manifest, ...]:
    """Return the manifests of an overlay of one's own, which lies beside the others."""
    with tempfile.TemporaryDirectory(dir=DEPLOY / "overlays", prefix=".test-") as folder:
        head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump({**head, **kustomization}))
        return _kustomize(Path(folder))


def with_needs(component: str) -> tuple[str, ...]:
    """Return a component after those that it goes with."""
    return (*NEEDS.get(component, ()), component)


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    """Return those of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """Return the one of a kind and a name."""
    (found,) = [each for each in of_kind(manifests, kind) if each["metadata"]["name"] == name]
    return found


def _kustomize(folder: Path) -> tuple[Manifest, ...]:
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))
