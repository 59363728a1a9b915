"""Who shows which certificate, and what it says: all of it is there, and nothing secret is where it is not used."""

from collections.abc import Iterator, Sequence

from services.chassis.roles import roles_of
from tests.deploy.pod_rules import settings_of, workloads
from tests.deploy.rendering import Manifest, of_kind

_TOKEN = "service-token"
_PEOPLE_AND_KEDA = {"admin", "keda"}
_SHOWN_BY_KEDA = {"caCert": "ca.crt", "tlsClientCert": "tls.crt", "tlsClientKey": "tls.key"}


def keda_shows_a_certificate(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Where the queue wants one of every caller, and nowhere else."""
    authentications = {each["metadata"]["name"]: each["spec"] for each in of_kind(manifests, "TriggerAuthentication")}
    asked_with = set()
    for scaled in of_kind(manifests, "ScaledObject"):
        for trigger in scaled["spec"]["triggers"]:
            reference = trigger.get("authenticationRef", {}).get("name")
            if _speak_tls(manifests) and reference is None:
                yield "the services speak TLS, and KEDA shows no certificate: keda-mtls"
            if reference is not None and reference not in authentications:
                yield f"KEDA asks with {reference}, which there is not"
            asked_with.add(reference)
    certificates = {each["spec"]["secretName"] for each in of_kind(manifests, "Certificate")}
    for name, spec in authentications.items():
        if name not in asked_with:
            yield f"there is {name}, which nobody asks with"
        if {each["parameter"]: each["key"] for each in spec["secretTargetRef"]} != _SHOWN_BY_KEDA:
            yield f"{name} is no certificate, key and authority"
        for secret in {each["name"] for each in spec["secretTargetRef"]} - certificates:
            yield f"{name} is of {secret}, which nobody makes"


def certificates_are_signed(manifests: Sequence[Manifest]) -> Iterator[str]:
    """By an authority that is there; for the one role of whoever shows it."""
    issuers = {each["metadata"]["name"]: each["spec"] for each in of_kind(manifests, "Issuer")}
    for certificate in of_kind(manifests, "Certificate"):
        name, spec = certificate["metadata"]["name"], certificate["spec"]
        if spec["issuerRef"]["name"] not in issuers:
            yield f"{name} is of {spec['issuerRef']['name']}, who signs nothing here"
        if spec.get("isCA"):
            continue
        roles = roles_of(
            [each.encode() for each in spec.get("dnsNames", ())], [each.encode() for each in spec.get("uris", ())]
        )
        if roles != {name}:
            yield f"the certificate {name} has the roles {sorted(roles)}"
        if name not in _PEOPLE_AND_KEDA and name not in {each for each, _, _, _ in workloads(manifests)}:
            yield f"the certificate {name} is for nobody"


def certificates_are_made(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Each that a pod mounts, and it is the pod's own."""
    made = {each["spec"]["secretName"]: each["metadata"]["name"] for each in of_kind(manifests, "Certificate")}
    for name, _, pod, _ in workloads(manifests):
        for secret in _secrets(pod):
            if secret.endswith("-tls") and made.get(secret) != name:
                yield f"{name} mounts {secret}, which is not its own certificate"


def only_what_is_used_is_mounted(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The token of the services opens all of them: with certificates no pod has it."""
    for name, _, pod, container in workloads(manifests):
        keys = {item["key"] for source in _sources(pod) for item in source.get("items", ())}
        if (_TOKEN in keys) != ("SERVICE_TOKEN_FILE" in settings_of(manifests, container)):
            yield f"{name} has the token of the services and does not use it, or the other way round"


def _speak_tls(manifests: Sequence[Manifest]) -> bool:
    return any("TLS_CERT_FILE" in settings_of(manifests, each) for _, _, _, each in workloads(manifests))


def _sources(pod: Manifest) -> Iterator[Manifest]:
    for volume in pod.get("volumes", ()):
        yield from (each["secret"] for each in volume.get("projected", {}).get("sources", ()) if "secret" in each)


def _secrets(pod: Manifest) -> Iterator[str]:
    yield from (source["name"] for source in _sources(pod))


RULES = (
    keda_shows_a_certificate,
    certificates_are_signed,
    certificates_are_made,
    only_what_is_used_is_mounted,
)
