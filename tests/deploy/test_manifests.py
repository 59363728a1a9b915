"""Every overlay and every component, as a cluster would get it: it renders, fits the schemas, and keeps the rules."""

import json
from collections.abc import Sequence
from functools import cache

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from tests.deploy import arrow_rules, pod_rules, trust_rules, wiring_rules
from tests.deploy.rendering import (
    COMPONENTS,
    NEEDS,
    OVERLAYS,
    ROOT,
    Manifest,
    combination,
    overlay,
    with_needs,
    without_component,
)
from tests.processes.tools import needs

pytestmark = needs("kubectl")

VERSIONS = ("1.30", "1.33", "1.37")
TOGETHER = tuple(name for name in COMPONENTS if name not in NEEDS) + tuple(NEEDS)
"""Everything at once; those that need others last."""
RULES = (*pod_rules.RULES, *wiring_rules.RULES, *trust_rules.RULES, *arrow_rules.RULES)
CUSTOM = yaml.safe_load((ROOT / "tests/deploy/custom_resources.yaml").read_text())


def breaches(manifests: Sequence[Manifest]) -> list[str]:
    return [breach for rule in RULES for breach in rule(manifests)]


def check_schemas(manifests: Sequence[Manifest], version: str) -> None:
    for manifest in manifests:
        check_schema(json.dumps(manifest), version)


@cache
def check_schema(text: str, version: str) -> None:
    """Kubernetes' own objects by its schemas; those of operators by ours, which hold the few fields that we use."""
    manifest = json.loads(text)
    kind = f"{manifest['apiVersion']}/{manifest['kind']}"
    if kind in CUSTOM:
        jsonschema_rs.validate(CUSTOM[kind], manifest)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_keeps_every_rule(name: str) -> None:
    assert breaches(overlay(name)) == []


def test_prod_says_by_digest_what_runs() -> None:
    assert list(pod_rules.images_are_digests(overlay("prod"))) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_overlay_fits_each_version_of_kubernetes(version: str) -> None:
    """Of the overlays the one with nothing, and the one with everything."""
    check_schemas(overlay("dev"), version)
    check_schemas(overlay("prod"), version)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_keeps_every_rule(component: str) -> None:
    """Alone, or with what its README says that it needs, no arrow is lost; and it says so in a README."""
    manifests = combination(*with_needs(component))

    assert breaches(manifests) == []
    check_schemas(manifests, VERSIONS[-1])
    assert (ROOT / "deploy/components" / component.partition("/")[0] / "README.md").is_file()


@pytest.mark.parametrize("components", [TOGETHER, TOGETHER[::-1]], ids=["in order", "backwards"])
def test_all_components_go_together(components: Sequence[str]) -> None:
    """In either order, but for those that change what others bring."""
    ordered = sorted(components, key=lambda name: name in NEEDS)

    assert breaches(combination(*ordered)) == []


@pytest.mark.parametrize(
    ("components", "told"),
    [
        (("hpa-cpu",), "more than one without a database"),
        (("mtls", "keda-external-push"), "KEDA shows no certificate"),
        (("keda-external-push", "keda-mtls"), "signs nothing here"),
        (("keda-mtls", "mtls"), "nobody asks with"),
        (("network-policies", "tracing"), "does not reach collector"),
        (("network-policies", "postgresql"), "does not reach database"),
        (("network-policies", "telegram-local-api"), "does not reach telegram-bot-api"),
        (("network-policies/tracing",), "does not reach"),
        (("network-policies", "network-policies/postgresql"), "which is no arrow"),
    ],
    ids=lambda each: "+".join(each) if isinstance(each, tuple) else "",
)
def test_what_does_not_go_together_is_told(components: Sequence[str], told: str) -> None:
    """It renders, and a cluster would take it."""
    assert told in "; ".join(breaches(combination(*components)))


@pytest.mark.parametrize("component", ["postgresql", "mtls", "keda-mtls", "network-policies/postgresql"])
def test_staging_needs_what_it_has(component: str) -> None:
    assert breaches(without_component("staging", component)) != []
