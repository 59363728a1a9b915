"""Each rule sees the mistake that it is for: one is made in manifests that are right, and must be told."""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest

from tests.deploy import arrow_rules, pod_rules, trust_rules, wiring_rules
from tests.deploy.rendering import Manifest, named, overlay
from tests.deploy.test_manifests import RULES, check_schemas
from tests.processes.tools import needs

pytestmark = needs("kubectl")

Change = Callable[[list[Manifest]], object]


def deployment(manifests: Sequence[Manifest], name: str = "processor") -> Any:
    return named(manifests, "Deployment", name)


def pod(manifests: Sequence[Manifest], name: str = "processor") -> Any:
    return deployment(manifests, name)["spec"]["template"]["spec"]


def box(manifests: Sequence[Manifest], name: str = "processor") -> Any:
    return pod(manifests, name)["containers"][0]


def box_before(manifests: Sequence[Manifest]) -> Any:
    """Add an init container of an image that nobody sets; returns it."""
    before = {**copy.deepcopy(box(manifests)), "name": "before", "image": "localhost/clipferry/processor:dev"}
    pod(manifests)["initContainers"] = [before]
    return before


def volume(manifests: Sequence[Manifest], name: str, of: str = "processor") -> Any:
    (found,) = [each for each in pod(manifests, of)["volumes"] if each["name"] == name]
    return found


def settings(manifests: Sequence[Manifest], of: str) -> Any:
    (found,) = [each for each in manifests if each["metadata"]["name"].startswith(f"{of}-settings")]
    return found["data"]


def without(manifests: Sequence[Manifest], of: str, variable: str) -> None:
    box(manifests, of)["env"] = [each for each in box(manifests, of)["env"] if each["name"] != variable]


def service(manifests: Sequence[Manifest]) -> Any:
    return named(manifests, "Service", "queue")["spec"]


def scaled(manifests: Sequence[Manifest]) -> Any:
    return named(manifests, "ScaledObject", "processor")["spec"]


def policy(manifests: Sequence[Manifest], name: str) -> Any:
    return named(manifests, "NetworkPolicy", name)["spec"]


def opened(manifests: Sequence[Manifest], source: str, target: str, port: int) -> None:
    """Open a way at both of its ends."""
    for owner, way, peers, other in ((source, "egress", "to", target), (target, "ingress", "from", source)):
        peer = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": other}}}
        rule = {peers: [peer], "ports": [{"protocol": "TCP", "port": port}]}
        existing = policy(manifests, owner)
        existing.setdefault(way, []).append(rule)
        existing["policyTypes"] = sorted({*existing["policyTypes"], way.capitalize()})


POD_MISTAKES: list[tuple[Any, Change]] = [
    (pod_rules.selectors_match, lambda m: deployment(m)["spec"]["selector"]["matchLabels"].update(tier="x")),
    (pod_rules.labels_say_what_it_is, lambda m: deployment(m)["spec"]["template"]["metadata"]["labels"].clear()),
    (pod_rules.mounts_have_volumes, lambda m: pod(m)["volumes"].pop()),
    (pod_rules.probes_are_possible, lambda m: box(m)["livenessProbe"].update(tcpSocket={"port": 50052})),
    (pod_rules.probes_are_possible, lambda m: box(m)["readinessProbe"]["grpc"].update(port=1)),
    (pod_rules.probes_are_possible, lambda m: box(m).pop("startupProbe")),
    (pod_rules.amounts_make_sense, lambda m: box(m)["resources"]["limits"].update(memory="768Megs")),
    (pod_rules.amounts_make_sense, lambda m: box(m)["resources"]["requests"].update(cpu="9")),
    (pod_rules.amounts_make_sense, lambda m: box(m)["resources"]["limits"].pop("ephemeral-storage")),
    (pod_rules.a_rollout_can_go_on, lambda m: deployment(m)["spec"]["strategy"]["rollingUpdate"].update(maxSurge=0)),
    (pod_rules.nothing_is_kept_on_a_node, lambda m: volume(m, "scratch")["emptyDir"].pop("medium")),
    (pod_rules.nothing_is_kept_on_a_node, lambda m: volume(m, "scratch")["emptyDir"].pop("sizeLimit")),
    (pod_rules.nothing_is_kept_on_a_node, lambda m: volume(m, "scratch")["emptyDir"].update(sizeLimit="2Gi")),
    (pod_rules.nothing_is_kept_on_a_node, lambda m: volume(m, "scratch").update(hostPath={"path": "/x"})),
    (pod_rules.pods_are_restricted, lambda m: box(m)["securityContext"].pop("readOnlyRootFilesystem")),
    (pod_rules.pods_are_restricted, lambda m: box(m)["securityContext"].update(capabilities={"add": ["NET_RAW"]})),
    (pod_rules.pods_are_restricted, lambda m: pod(m)["securityContext"].pop("runAsNonRoot")),
    (pod_rules.pods_are_restricted, lambda m: pod(m).pop("automountServiceAccountToken")),
    (pod_rules.images_are_pinned, lambda m: box(m).update(image="example.org/processor:latest")),
    (pod_rules.images_are_pinned, lambda m: box(m).update(image="example.org/processor")),
    (pod_rules.images_are_pinned, lambda m: box_before(m).update(image="example.org/processor")),
    (pod_rules.amounts_make_sense, lambda m: box_before(m).pop("resources")),
    (pod_rules.pods_are_restricted, lambda m: box_before(m).pop("securityContext")),
    (pod_rules.what_runs_before_is_the_same, box_before),
    (pod_rules.images_are_digests, box_before),
    (pod_rules.images_are_digests, lambda m: box(m).update(image="example.org/processor:1")),
    (pod_rules.there_is_time_to_stop, lambda m: settings(m, "processor").update(DRAIN_S="290")),
    (pod_rules.there_is_time_to_stop, lambda m: pod(m).update(terminationGracePeriodSeconds=30)),
    (pod_rules.secrets_are_mounted, lambda m: box(m)["env"].append({"name": "SERVICE_TOKEN_FILE", "value": "/x/y"})),
    (pod_rules.secrets_are_mounted, lambda m: volume(m, "tls")["projected"]["sources"][0]["secret"].pop("optional")),
]
WIRING_MISTAKES: list[tuple[Any, Change]] = [
    (wiring_rules.services_reach_pods, lambda m: named(m, "Service", "queue")["spec"]["selector"].update(x="y")),
    (
        wiring_rules.services_reach_pods,
        lambda m: named(m, "Service", "queue")["spec"]["ports"][0].update(targetPort="x"),
    ),
    (wiring_rules.services_reach_pods, lambda m: named(m, "Service", "queue")["spec"].pop("clusterIP")),
    (
        wiring_rules.budgets_hold_one_workload,
        lambda m: named(m, "PodDisruptionBudget", "queue")["spec"]["selector"]["matchLabels"].clear(),
    ),
    (
        wiring_rules.budgets_hold_one_workload,
        lambda m: (
            named(m, "PodDisruptionBudget", "queue")["spec"].update(minAvailable=1, maxUnavailable=None)
            or named(m, "PodDisruptionBudget", "queue")["spec"].pop("maxUnavailable")
        ),
    ),
    (
        wiring_rules.one_scaler_each,
        lambda m: named(m, "HorizontalPodAutoscaler", "gateway")["spec"]["scaleTargetRef"].update(name="processor"),
    ),
    (wiring_rules.one_scaler_each, lambda m: deployment(m)["spec"].update(replicas=2)),
    (wiring_rules.one_scaler_each, lambda m: scaled(m)["scaleTargetRef"].update(name="x")),
    (wiring_rules.one_without_a_database, lambda m: without(m, "queue", "DATABASE_URL_FILE")),
    (wiring_rules.one_without_a_database, lambda m: without(m, "notifier", "NOTIFIER_DATABASE_URL_FILE")),
    (wiring_rules.addresses_are_services, lambda m: settings(m, "gateway").update(QUEUE_TARGET="dns:///queue:1")),
    (
        wiring_rules.addresses_are_services,
        lambda m: scaled(m)["triggers"][0]["metadata"].update(scalerAddress="q:1"),
    ),
    (wiring_rules.settings_are_known, lambda m: settings(m, "queue").update(MAX_QUEUE="9")),
    (wiring_rules.all_or_none_speak_tls, lambda m: without(m, "queue", "TLS_CERT_FILE")),
    (wiring_rules.all_or_none_speak_tls, lambda m: without(m, "queue", "ALLOW_PLAINTEXT")),
    (wiring_rules.the_processor_holds_its_videos, lambda m: box(m)["resources"]["requests"].update(cpu="1")),
    (
        wiring_rules.the_processor_holds_its_videos,
        lambda m: settings(m, "processor").update(MAX_TOTAL_MEMORY="268435456"),
    ),
    (wiring_rules.policies_say_whereto, lambda m: policy(m, "notifier")["egress"][0].pop("to")),
    (wiring_rules.policies_say_whereto, lambda m: policy(m, "gateway")["egress"][0].pop("ports")),
    (wiring_rules.policies_say_whereto, lambda m: policy(m, "queue")["ingress"][0]["from"].append({"podSelector": {}})),
    (
        wiring_rules.policies_say_whereto,
        lambda m: policy(m, "processor")["egress"][2]["to"][0]["ipBlock"]["except"].remove("169.254.0.0/16"),
    ),
    (wiring_rules.policies_cover_everybody, lambda m: policy(m, "default-deny").update(policyTypes=["Ingress"])),
]
TRUST_MISTAKES: list[tuple[Any, Change]] = [
    (trust_rules.keda_shows_a_certificate, lambda m: scaled(m)["triggers"][0].pop("authenticationRef")),
    (trust_rules.keda_shows_a_certificate, lambda m: m.remove(named(m, "ScaledObject", "processor"))),
    (trust_rules.keda_shows_a_certificate, lambda m: m.remove(named(m, "TriggerAuthentication", "queue"))),
    (trust_rules.keda_shows_a_certificate, lambda m: m.remove(named(m, "Certificate", "keda"))),
    (
        trust_rules.keda_shows_a_certificate,
        lambda m: named(m, "TriggerAuthentication", "queue")["spec"]["secretTargetRef"].pop(),
    ),
    (trust_rules.certificates_are_signed, lambda m: m.remove(named(m, "Issuer", "clipferry"))),
    (
        trust_rules.certificates_are_signed,
        lambda m: named(m, "Certificate", "keda")["spec"].update(uris=["spiffe://clipferry/admin"]),
    ),
    (trust_rules.certificates_are_made, lambda m: m.remove(named(m, "Certificate", "notifier"))),
    (
        trust_rules.certificates_are_made,
        lambda m: volume(m, "tls")["projected"]["sources"][0]["secret"].update(name="queue-tls"),
    ),
    (
        trust_rules.only_what_is_used_is_mounted,
        lambda m: volume(m, "secrets", "notifier")["projected"]["sources"][0]["secret"]["items"].append(
            {"key": "service-token", "path": "service-token"}
        ),
    ),
]
ARROW_MISTAKES: list[tuple[Any, Change]] = [
    (arrow_rules.arrows_are_open, lambda m: policy(m, "gateway")["egress"].pop()),
    (arrow_rules.arrows_are_open, lambda m: policy(m, "processor")["ingress"].clear()),
    (arrow_rules.arrows_are_open, lambda m: policy(m, "queue")["ingress"][0]["from"].pop()),
    (arrow_rules.arrows_are_open, lambda m: policy(m, "queue")["ingress"].pop()),
    (arrow_rules.arrows_are_open, lambda m: m.remove(named(m, "NetworkPolicy", "names"))),
    (arrow_rules.arrows_are_open, lambda m: m.remove(named(m, "NetworkPolicy", "database"))),
    (arrow_rules.arrows_are_open, lambda m: policy(m, "metrics").update(ingress=[])),
    (arrow_rules.arrows_are_open, lambda m: settings(m, "queue").update(METRICS_ADDRESS="0.0.0.0:9091")),
    (arrow_rules.nothing_else_is_open, lambda m: opened(m, "notifier", "queue", 50051)),
    (arrow_rules.nothing_else_is_open, lambda m: opened(m, "queue", "gateway", 3000)),
    (arrow_rules.nothing_else_is_open, lambda m: opened(m, "gateway", "notifier", 50053)),
    (arrow_rules.nothing_else_is_open, lambda m: policy(m, "queue")["ingress"][1].pop("ports")),
    (arrow_rules.nothing_else_is_open, lambda m: policy(m, "queue")["ingress"][1]["ports"].append({"port": 50050})),
    (arrow_rules.nothing_else_is_open, lambda m: policy(m, "names")["egress"][0]["to"][0].pop("podSelector")),
    (arrow_rules.nothing_else_is_open, lambda m: policy(m, "database").update(podSelector={})),
    (
        arrow_rules.nothing_else_is_open,
        lambda m: policy(m, "processor")["egress"][2]["to"][0]["ipBlock"].pop("except"),
    ),
    (
        arrow_rules.nothing_else_is_open,
        lambda m: policy(m, "gateway")["ingress"][0]["from"].append({"namespaceSelector": {}}),
    ),
]
MISTAKES = [*POD_MISTAKES, *WIRING_MISTAKES, *TRUST_MISTAKES, *ARROW_MISTAKES]


@pytest.mark.parametrize(
    ("rule", "make"),
    MISTAKES,
    ids=lambda each: "" if each.__name__ == "<lambda>" else each.__name__,
)
def test_a_rule_tells_a_mistake(rule: Callable[[Sequence[Manifest]], Iterable[str]], make: Change) -> None:
    manifests = copy.deepcopy(list(overlay("prod")))
    assert list(rule(manifests)) == []

    make(manifests)

    assert list(rule(manifests)) != []


def test_no_rule_is_without_its_mistake() -> None:
    """So that each has been seen to bite."""
    assert {rule for rule, _ in MISTAKES} == {*RULES, pod_rules.images_are_digests}


@pytest.mark.parametrize(
    "make",
    [
        lambda m: box(m)["securityContext"].update(readOnlyRootFileSystem=True),
        lambda m: box(m)["livenessProbe"]["grpc"].update(port="50052"),
        lambda m: box(m)["env"].append({"name": "DRAIN_S", "value": 5}),
    ],
    ids=["misspelt", "a port as text", "a number as a value"],
)
def test_the_schemas_of_kubernetes_are_strict(make: Change) -> None:
    manifests = copy.deepcopy(list(overlay("dev")))
    make(manifests)

    with pytest.raises(kubernetes_validate.ValidationError):
        check_schemas(manifests, "1.33")


@pytest.mark.parametrize(
    "make",
    [
        lambda m: scaled(m).update(minReplicas=1),
        lambda m: scaled(m)["triggers"][0]["metadata"].update(targetPerReplica=3),
        lambda m: named(m, "PodMonitor", "clipferry")["spec"]["podMetricsEndpoints"][0].update(port=9090),
        lambda m: named(m, "Certificate", "queue")["spec"].pop("issuerRef"),
        lambda m: named(m, "HTTPRoute", "gateway")["spec"]["rules"][0]["timeouts"].update(request=0),
        lambda m: named(m, "ExternalSecret", "clipferry")["spec"]["data"][0].pop("remoteRef"),
    ],
    ids=["ScaledObject", "trigger", "PodMonitor", "Certificate", "HTTPRoute", "ExternalSecret"],
)
def test_our_schemas_of_custom_resources_are_strict(make: Change) -> None:
    custom = [each for each in copy.deepcopy(list(overlay("prod"))) if "." in each["apiVersion"].partition("/")[0]]
    make(custom)

    with pytest.raises(jsonschema_rs.ValidationError):
        check_schemas(custom, "1.37")
