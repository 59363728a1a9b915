"""What must be true between manifests, and between them and the code. Each rule yields a sentence for each breach."""

from collections.abc import Iterator, Sequence

from gateway.config import GatewaySettings
from services.chassis.settings import Settings, env_name, is_secret
from services.notifier.config import NotifierSettings
from services.processor.config import ProcessorSettings
from services.queue.config import QueueSettings
from tests.deploy.pod_rules import quantity, settings_of, workloads
from tests.deploy.rendering import Manifest, of_kind

SETTINGS: dict[str, type[Settings]] = {
    "queue": QueueSettings,
    "processor": ProcessorSettings,
    "notifier": NotifierSettings,
    "gateway": GatewaySettings,
}
DATABASES = {
    "queue": "DATABASE_URL_FILE",
    "gateway": "GATEWAY_DATABASE_URL_FILE",
    "notifier": "NOTIFIER_DATABASE_URL_FILE",
}
"""Without it there may be one."""
PRIVATE = {
    "0.0.0.0/0": {
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
    },
    "::/0": {"::1/128", "64:ff9b::/96", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"},
}
"""What no public address is among, by what it would be opened with."""
_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def services_reach_pods(manifests: Sequence[Manifest]) -> Iterator[str]:
    for service in of_kind(manifests, "Service"):
        name, spec = service["metadata"]["name"], service["spec"]
        found = [each for each in workloads(manifests) if _selects(spec["selector"], each[1])]
        if len(found) != 1:
            yield f"the service {name} selects {len(found)} workloads"
            continue
        ports = {port["name"]: port["containerPort"] for port in found[0][3]["ports"]}
        for port in spec["ports"]:
            if port["targetPort"] not in ports:
                yield f"the service {name} goes to the port {port['targetPort']}, which there is not"
            if port["appProtocol"] == "grpc" and spec.get("clusterIP") != "None":
                yield f"the service {name} hides the pods that callers balance over"


def budgets_hold_one_workload(manifests: Sequence[Manifest]) -> Iterator[str]:
    budgets = of_kind(manifests, "PodDisruptionBudget")
    for name, deployment, _, _ in workloads(manifests):
        mine = [each for each in budgets if _selects(each["spec"]["selector"]["matchLabels"], deployment)]
        if len(mine) != 1:
            yield f"{name} has {len(mine)} budgets"
    for budget in budgets:
        selector = budget["spec"]["selector"]["matchLabels"]
        if sum(_selects(selector, deployment) for _, deployment, _, _ in workloads(manifests)) != 1:
            yield f"the budget {budget['metadata']['name']} does not hold one workload"
        if "maxUnavailable" not in budget["spec"]:
            yield f"the budget {budget['metadata']['name']} may never let go of the only pod"


def one_scaler_each(manifests: Sequence[Manifest]) -> Iterator[str]:
    """And none that sets a number which kustomize sets too."""
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in of_kind(manifests, *_SCALERS)]
    for name, deployment, _, _ in workloads(manifests):
        if targets.count(name) > 1:
            yield f"{name} has {targets.count(name)} scalers"
        if targets.count(name) and "replicas" in deployment["spec"]:
            yield f"{name} has a scaler, and a number of replicas beside"
    for target in targets:
        if target not in SETTINGS:
            yield f"a scaler is for {target}, which there is not"


def one_without_a_database(manifests: Sequence[Manifest]) -> Iterator[str]:
    """A SQLite file has one writer, also during a rollout; a notifier alone knows nothing of another's messages."""
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind(manifests, *_SCALERS)}
    for name, deployment, pod, container in workloads(manifests):
        if name not in DATABASES or DATABASES[name] in settings_of(manifests, container):
            continue
        if deployment["spec"].get("replicas") != 1 or name in scaled:
            yield f"{name} is more than one without a database"
        keeps = any("persistentVolumeClaim" in volume for volume in pod["volumes"])
        if keeps and deployment["spec"]["strategy"]["type"] != "Recreate":
            yield f"{name} has two writers of one file in a rollout"
        if not keeps and name != "notifier":
            yield f"{name} forgets everything with its pod"


def addresses_are_services(manifests: Sequence[Manifest]) -> Iterator[str]:
    services = {each["metadata"]["name"]: each["spec"]["ports"] for each in of_kind(manifests, "Service")}
    asked = [
        (f"{name}: {variable}", value.removeprefix("dns:///"))
        for name, _, _, container in workloads(manifests)
        for variable, value in settings_of(manifests, container).items()
        if variable.endswith("_TARGET")
    ]
    for scaled in of_kind(manifests, "ScaledObject"):
        asked += [("the scaler", trigger["metadata"]["scalerAddress"]) for trigger in scaled["spec"]["triggers"]]
    for who, address in asked:
        host, _, port = address.partition(":")
        if int(port) not in [each["port"] for each in services.get(host.partition(".")[0], ())]:
            yield f"{who} goes to {address}, where no service is"


def settings_are_known(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each variable is a setting of its service."""
    for name, _, _, container in workloads(manifests):
        if name not in SETTINGS:
            continue
        fields = SETTINGS[name].model_fields.items()
        known = {env_name(field, key) for key, field in fields}
        known |= {f"{env_name(field, key)}_FILE" for key, field in fields if is_secret(field)}
        for variable in settings_of(manifests, container).keys() - known - {"PYTHONPATH"}:
            yield f"{name} is told {variable}, which is no setting"


def all_or_none_speak_tls(manifests: Sequence[Manifest]) -> Iterator[str]:
    told = {name: settings_of(manifests, each) for name, _, _, each in workloads(manifests) if name in SETTINGS}
    with_tls = {name for name, settings in told.items() if "TLS_CERT_FILE" in settings}
    if with_tls and with_tls != told.keys():
        yield f"only {sorted(with_tls)} speak TLS"
    for name, settings in told.items():
        if name in with_tls and settings.get("ALLOW_PLAINTEXT") != "false":
            yield f"{name} speaks TLS, and plain text beside"
        if name not in with_tls and "SERVICE_TOKEN_FILE" not in settings:
            yield f"{name} knows nobody: neither TLS nor a token"


def the_processor_holds_its_videos(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Guaranteed, so that its memory is never swapped; and its volume holds what it may take."""
    for name, _, pod, container in workloads(manifests):
        if name != "processor":
            continue
        if container["resources"].get("requests") != container["resources"].get("limits"):
            yield "the processor's requests are not its limits"
        (scratch,) = [each for each in pod["volumes"] if each["name"] == "scratch"]
        most = int(settings_of(manifests, container)["MAX_TOTAL_MEMORY"])
        if quantity(scratch.get("emptyDir", {}).get("sizeLimit", 0)) <= most:
            yield "the processor's volume is not above MAX_TOTAL_MEMORY"
        if any("persistentVolumeClaim" in volume for volume in pod["volumes"]):
            yield "the processor keeps something"


def policies_say_whereto(manifests: Sequence[Manifest]) -> Iterator[str]:
    """No rule opens everything: each names pods, namespaces, or the public addresses without the private ones."""
    for policy in of_kind(manifests, "NetworkPolicy"):
        name, spec = policy["metadata"]["name"], policy["spec"]
        for way, peers in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(way, ()):
                if not rule.get(peers) or not rule.get("ports"):
                    yield f"the policy {name} opens {way} to everybody or every port"
                for peer in rule.get(peers, ()):
                    yield from _peer_is_narrow(name, peer)


def _peer_is_narrow(name: str, peer: Manifest) -> Iterator[str]:
    block = peer.get("ipBlock")
    if block is None:
        if not any(peer.get(kind, {}).get("matchLabels") for kind in ("podSelector", "namespaceSelector")):
            yield f"the policy {name} names neither a pod nor a namespace"
        return
    if missing := PRIVATE[block["cidr"]] - set(block.get("except", ())):
        yield f"the policy {name} lets into {sorted(missing)}"


def policies_cover_everybody(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Where there are policies at all, the first refuses everything."""
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(manifests, "NetworkPolicy")}
    if "queue" in policies and policies.get("default-deny") != {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }:
        yield "no policy refuses what the others do not allow"


def _selects(selector: Manifest, deployment: Manifest) -> bool:
    labels: Manifest = deployment["spec"]["template"]["metadata"]["labels"]
    return selector.items() <= labels.items()


RULES = (
    services_reach_pods,
    budgets_hold_one_workload,
    one_scaler_each,
    one_without_a_database,
    addresses_are_services,
    settings_are_known,
    all_or_none_speak_tls,
    the_processor_holds_its_videos,
    policies_say_whereto,
    policies_cover_everybody,
)
