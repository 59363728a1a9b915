"""What must be true of each workload by itself, beyond what a schema says: a rule yields a sentence for each breach."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.deploy.rendering import Manifest, of_kind

_UNITS: Mapping[str, int | Decimal] = {
    "": 1,
    "m": Decimal("0.001"),
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "Ki": 1024,
    "Mi": 1024**2,
    "Gi": 1024**3,
}
_MIB = 1024**2
_ENDS_ITSELF_S = 10
"""services/chassis/lifecycle.py: after DRAIN_S, how long until a process ends itself."""


def quantity(text: object) -> Decimal:
    """Return an amount of CPU or bytes as a number.

    Raises:
        ValueError: If it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(text))
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is no quantity")
    return Decimal(found[1]) * _UNITS[found[2]]


def workloads(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest, Manifest, Manifest]]:
    """Yield name, Deployment, pod and its one container of each workload."""
    for deployment in of_kind(manifests, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield deployment["metadata"]["name"], deployment, pod, container


def containers(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Yield name, pod and container of each container there is; one that runs before says so in its name."""
    for name, _, pod, container in workloads(manifests):
        yield name, pod, container
        for before in pod.get("initContainers", ()):
            yield f"{name}/{before['name']}", pod, before


def settings_of(manifests: Sequence[Manifest], container: Manifest) -> dict[str, str]:
    """Return what the container's environment says: its ConfigMaps, and over them its own variables."""
    maps = {each["metadata"]["name"]: each.get("data", {}) for each in of_kind(manifests, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]
    return found | {each["name"]: each.get("value", "") for each in container.get("env", ())}


def selectors_match(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, deployment, _, _ in workloads(manifests):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        if not deployment["spec"]["selector"]["matchLabels"].items() <= labels.items():
            yield f"{name} selects other pods than it makes"


def labels_say_what_it_is(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, deployment, _, _ in workloads(manifests):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        if labels.get("app.kubernetes.io/name") != name or labels.get("app.kubernetes.io/part-of") != "clipferry":
            yield f"{name} is not labelled app.kubernetes.io/name and part-of"


def mounts_have_volumes(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, pod, container in containers(manifests):
        there = {volume["name"] for volume in pod.get("volumes", ())}
        for mount in container.get("volumeMounts", ()):
            if mount["name"] not in there:
                yield f"{name} mounts {mount['name']}, which is no volume"


def probes_are_possible(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Startup, readiness and liveness, each with one handler at a port that is declared."""
    for name, _, _, container in workloads(manifests):
        ports = {each["containerPort"] for each in container["ports"]} | {each["name"] for each in container["ports"]}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container.get(kind, {})
            handlers = sorted({"grpc", "httpGet", "tcpSocket", "exec"} & probe.keys())
            if len(handlers) != 1:
                yield f"{name} has a {kind} with {len(handlers)} handlers"
            elif probe[handlers[0]].get("port") not in ports:
                yield f"{name} has a {kind} at a port that is not declared"


def amounts_make_sense(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, _, container in containers(manifests):
        resources = container.get("resources", {})
        for what in ("cpu", "memory", "ephemeral-storage"):
            try:
                asked, most = (quantity(resources[side][what]) for side in ("requests", "limits"))
            except (KeyError, ValueError) as error:
                yield f"{name} has no usable {what}: {error}"
            else:
                if asked > most:
                    yield f"{name} requests more {what} than its limit"


def a_rollout_can_go_on(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, deployment, _, _ in workloads(manifests):
        rolling = deployment["spec"]["strategy"].get("rollingUpdate")
        if rolling is not None and {rolling["maxSurge"], rolling["maxUnavailable"]} == {0}:
            yield f"{name} can neither add nor take a pod in a rollout"


def nothing_is_kept_on_a_node(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each emptyDir is memory with a size, and all of them leave the container 64 MiB."""
    for name, _, pod, container in workloads(manifests):
        sizes = Decimal(0)
        for volume in pod.get("volumes", ()):
            if "hostPath" in volume:
                yield f"{name} uses the node's own files"
            if "emptyDir" in volume:
                if volume["emptyDir"].get("medium") != "Memory" or "sizeLimit" not in volume["emptyDir"]:
                    yield f"{name} has the volume {volume['name']}, which is not memory of a limited size"
                    continue
                sizes += quantity(volume["emptyDir"]["sizeLimit"])
        try:
            limit = quantity(container["resources"]["limits"]["memory"])
        except (KeyError, ValueError):
            continue  # another rule's
        if sizes and sizes + 64 * _MIB > limit:
            yield f"{name} has volumes of {sizes} bytes in a memory of {limit}"


def pods_are_restricted(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Pod Security `restricted`, and beyond it: a root that cannot be written, and no token of the cluster."""
    for name, pod, container in containers(manifests):
        around, inside = pod.get("securityContext", {}), container.get("securityContext", {})
        wanted = {
            "runAsNonRoot": around.get("runAsNonRoot") is True,
            "a numeric user": isinstance(around.get("runAsUser"), int) and around["runAsUser"] > 0,
            "seccomp": around.get("seccompProfile") == {"type": "RuntimeDefault"},
            "no privilege escalation": inside.get("allowPrivilegeEscalation") is False,
            "no capabilities": inside.get("capabilities") == {"drop": ["ALL"]},
            "a read-only root": inside.get("readOnlyRootFilesystem") is True,
            "no token of the cluster": pod.get("automountServiceAccountToken") is False,
            "no service links": pod.get("enableServiceLinks") is False,
            "no namespace of the host": not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(),
        }
        yield from (f"{name} lacks {what}" for what, is_so in wanted.items() if not is_so)


def images_are_pinned(manifests: Sequence[Manifest]) -> Iterator[str]:
    """By tag or digest. What brings an image of others leaves its version to the overlay."""
    for name, _, container in containers(manifests):
        image = container["image"]
        if image.endswith(":latest") or (name != "telegram-bot-api" and ":" not in image.rpartition("/")[2]):
            yield f"{name} runs {image}, whatever that is"


def what_runs_before_is_the_same(manifests: Sequence[Manifest]) -> Iterator[str]:
    """An init container of ours is of the image that runs after it: none other is built, pushed or pinned."""
    for name, _, pod, container in workloads(manifests):
        for before in pod.get("initContainers", ()):
            if before["image"] != container["image"]:
                yield f"{name} runs {before['image']} before {container['image']}"


def images_are_digests(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, _, container in containers(manifests):
        if not re.search(r"@sha256:[0-9a-f]{64}$", container["image"]):
            yield f"{name} runs {container['image']}, which is no digest"


def there_is_time_to_stop(manifests: Sequence[Manifest]) -> Iterator[str]:
    for name, _, pod, container in workloads(manifests):
        drain_s = settings_of(manifests, container).get("DRAIN_S")
        if drain_s is None:
            continue  # not ours
        before_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        needed_s = before_s + float(drain_s) + _ENDS_ITSELF_S
        if pod["terminationGracePeriodSeconds"] < needed_s:
            yield f"{name} is killed after {pod['terminationGracePeriodSeconds']} s and needs {needed_s:g} s"


def secrets_are_mounted(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each NAME_FILE lies in a mounted secret, which must be there."""
    for name, _, pod, container in workloads(manifests):
        secrets = {volume["name"] for volume in pod.get("volumes", ()) if _is_secret(volume)}
        places = [each["mountPath"] for each in container.get("volumeMounts", ()) if each["name"] in secrets]
        for variable, path in settings_of(manifests, container).items():
            if variable.endswith("_FILE") and not any(path.startswith(f"{place}/") for place in places):
                yield f"{name} reads {variable} at {path}, where no secret is mounted"
        for volume in pod.get("volumes", ()):
            for source in volume.get("projected", {}).get("sources", ()):
                if source.get("secret", {}).get("optional") is not False:
                    yield f"{name} would start without a secret of {volume['name']}"


def _is_secret(volume: Mapping[str, Any]) -> bool:
    return any("secret" in source for source in volume.get("projected", {}).get("sources", ()))


RULES = (
    selectors_match,
    labels_say_what_it_is,
    mounts_have_volumes,
    probes_are_possible,
    amounts_make_sense,
    a_rollout_can_go_on,
    nothing_is_kept_on_a_node,
    pods_are_restricted,
    images_are_pinned,
    what_runs_before_is_the_same,
    there_is_time_to_stop,
    secrets_are_mounted,
)
