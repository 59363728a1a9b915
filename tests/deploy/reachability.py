"""Who reaches whom by the network policies of a set of manifests, as a network plugin that enforces them decides it."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

from tests.deploy.pod_rules import settings_of, workloads
from tests.deploy.rendering import Manifest, of_kind

Edge: TypeAlias = tuple[str, str, int]
"""From, to, port."""

NAMESPACE = "clipferry"
_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_ANY_OTHER_PORT = 1
"""Stands for all ports that nobody names."""


@dataclass(frozen=True)
class Peer:
    """A pod, or somebody else with an address."""

    name: str
    namespace: str
    """Empty: outside of the cluster."""
    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


OTHERS = (
    Peer("resolver", "kube-system", "10.0.0.53", {"k8s-app": "kube-dns"}),
    Peer("another of kube-system", "kube-system", "10.0.0.54"),
    Peer("keda", "keda", "10.0.0.60"),
    Peer("prometheus", "monitoring", "10.0.0.61"),
    Peer("collector", "observability", "10.0.0.62"),
    Peer("database", "postgresql", "10.0.0.63"),
    Peer("ingress", "ingress", "10.0.0.64"),
    Peer("a stranger", "default", "10.0.0.65"),
    Peer("metadata", "", "169.254.169.254"),
    Peer("public", "", "93.184.215.14"),
    Peer("public v6", "", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"),
)
"""Who is there beside our pods."""


def edges(manifests: Sequence[Manifest]) -> set[Edge]:
    """Return every way that is open and begins or ends at a pod of ours, at every port that somebody names."""
    pods = _pods(manifests)
    policies = [each["spec"] for each in of_kind(manifests, "NetworkPolicy")]
    return {
        (source.name, target.name, port)
        for source, target in product((*pods, *OTHERS), repeat=2)
        if source.name != target.name and (source in pods or target in pods)
        for port in _ports(manifests)
        if _lets("Egress", policies, source, target, port) and _lets("Ingress", policies, target, source, port)
    }


def _pods(manifests: Sequence[Manifest]) -> list[Peer]:
    return [
        Peer(name, NAMESPACE, f"10.0.1.{number}", deployment["spec"]["template"]["metadata"]["labels"])
        for number, (name, deployment, _, _) in enumerate(workloads(manifests), start=1)
    ]


def _ports(manifests: Sequence[Manifest]) -> set[int]:
    found = {53, 80, 443, 4318, 5432, _ANY_OTHER_PORT}
    for _, _, _, container in workloads(manifests):
        found |= {port["containerPort"] for port in container["ports"]}
        metrics = settings_of(manifests, container).get("METRICS_ADDRESS")
        found |= {int(metrics.rpartition(":")[2])} if metrics else set()
    return found


def _lets(way: str, policies: Sequence[Manifest], pod: Peer, other: Peer, port: int) -> bool:
    """Return whether a pod may open (Egress) or take (Ingress) a connection: whom no policy selects may do all."""
    if pod.namespace != NAMESPACE:
        return True  # not ours to say
    mine = [each for each in policies if way in each["policyTypes"] and _selects(each["podSelector"], pod.labels)]
    peers = "to" if way == "Egress" else "from"
    rules = [rule for policy in mine for rule in policy.get(way.lower(), ())]
    return not mine or any(_matches(rule, peers, other, port) for rule in rules)


def _matches(rule: Manifest, peers: str, other: Peer, port: int) -> bool:
    # `port` must be a number here: a port by its name is the pod's, and none of ours are written so.
    at_port = not rule.get("ports") or any(int(each["port"]) == port for each in rule["ports"])
    return at_port and (not rule.get(peers) or any(_is(peer, other) for peer in rule[peers]))


def _is(peer: Manifest, other: Peer) -> bool:
    if "ipBlock" in peer:
        return _contains(peer["ipBlock"], other.address)
    if "namespaceSelector" in peer:
        in_namespace = other.namespace != "" and _selects(peer["namespaceSelector"], {_NAMESPACE_NAME: other.namespace})
    else:
        in_namespace = other.namespace == NAMESPACE
    return in_namespace and _selects(peer.get("podSelector", {}), other.labels)


def _contains(block: Manifest, address: str) -> bool:
    shut_out: Iterator[bool] = (_within(address, each) for each in block.get("except", ()))
    return _within(address, block["cidr"]) and not any(shut_out)


def _within(address: str, cidr: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def _selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Raises ValueError: for an operator that is not known here."""
    for each in selector.get("matchExpressions", ()):
        if each["operator"] != "In":
            raise ValueError(f"what is {each['operator']}?")
        if labels.get(each["key"]) not in each["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())
