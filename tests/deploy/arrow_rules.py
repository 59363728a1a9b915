"""The arrows of the design against the network policies: each is open, and with policies nothing else is."""

from collections.abc import Iterator, Sequence

from tests.deploy.pod_rules import settings_of, workloads
from tests.deploy.reachability import Edge, edges
from tests.deploy.rendering import Manifest, of_kind
from tests.deploy.wiring_rules import DATABASES

INSIDE: frozenset[Edge] = frozenset(
    {
        ("gateway", "queue", 50051),
        ("gateway", "processor", 50052),
        ("processor", "queue", 50051),
        ("processor", "notifier", 50053),
    }
)
"""As the design has them."""
_OWN_SERVER = "telegram-bot-api"
_TRACES_PORT, _DATABASE_PORT, _METRICS_PORT, _OWN_SERVER_PORT = 4318, 5432, 9090, 8081
_PUBLIC = ("public", "public v6")


def arrows_are_open(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Whatever components there are: a policy that brings one way must not take the others."""
    for source, target, port in sorted(_needed(manifests) - edges(manifests)):
        yield f"{source} does not reach {target} at {port}"


def nothing_else_is_open(manifests: Sequence[Manifest]) -> Iterator[str]:
    if of_kind(manifests, "NetworkPolicy"):
        for source, target, port in sorted(edges(manifests) - _needed(manifests) - _NEIGHBOURS):
            yield f"{source} reaches {target} at {port}, which is no arrow of the design"


_NEIGHBOURS: frozenset[Edge] = frozenset(
    {
        ("keda", "queue", 50051),
        ("ingress", "gateway", 3000),
        *(("prometheus", name, _METRICS_PORT) for name in ("queue", "processor", "notifier", "gateway")),
    }
)
"""Who may come in from elsewhere in the cluster, whether it is there or not."""


def _needed(manifests: Sequence[Manifest]) -> set[Edge]:
    """Return the ways without which what is there does not work."""
    found = set(INSIDE) | {("ingress", "gateway", 3000)}
    names = {name for name, _, _, _ in workloads(manifests)}
    sends_itself = _OWN_SERVER if _OWN_SERVER in names else "notifier"
    found |= {(who, where, 443) for who in ("processor", sends_itself) for where in _PUBLIC}
    found |= {(who, where, 80) for who in {"processor", *(names & {_OWN_SERVER})} for where in _PUBLIC}
    if _OWN_SERVER in names:
        found.add(("notifier", _OWN_SERVER, _OWN_SERVER_PORT))
    if of_kind(manifests, "ScaledObject"):
        found.add(("keda", "queue", 50051))
    for name, _, _, container in workloads(manifests):
        told = settings_of(manifests, container)
        found.add((name, "resolver", 53))
        if "METRICS_ADDRESS" in told:
            found.add(("prometheus", name, int(told["METRICS_ADDRESS"].rpartition(":")[2])))
        if "OTEL_EXPORTER_OTLP_ENDPOINT" in told:
            found.add((name, "collector", _TRACES_PORT))
        if DATABASES.get(name, "-") in told:
            found.add((name, "database", _DATABASE_PORT))
    return found


RULES = (arrows_are_open, nothing_else_is_open)
