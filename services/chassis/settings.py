"""Settings from the environment: strict, all mistakes in one report, secrets also from files."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

_ITEMS = re.compile("item(?=s?\\b)")
_ADDRESS_OR_NONE = r"^(.+:\d{1,5})?$"


class SettingsError(Exception):
    """One or more settings are wrong. The message has a line for each."""


class Settings(BaseModel):
    """What every process can be told. Each field names its variable by ``validation_alias``.

    Reference settings keep their names and units (milliseconds for times); ours carry the unit in the name. What stands
    below a field is what `.env.example` says of it (`tests/documents.py`).
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, validate_default=True)

    log_level: str = Field("INFO", validation_alias="LOG_LEVEL", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """Least severe log line that is written: DEBUG, INFO, WARNING or ERROR. Default INFO."""

    drain_s: float = Field(20.0, validation_alias="DRAIN_S", ge=0, le=600)
    """Seconds that running work gets to finish after SIGTERM; under the orchestrator's kill delay. Default 20."""

    keepalive_s: float = Field(8.0, validation_alias="KEEPALIVE_S", ge=0.2, le=60)
    """Seconds of silence after which another service is asked whether it is still there; one that hangs is given up
    within twice that. Well under LEASE_TTL_S, so that a run goes on at another queue. 0.2 to 60. Default 8."""

    service_token: SecretStr | None = Field(None, validation_alias="SERVICE_TOKEN", min_length=16)
    """Bearer token that services show each other; beyond loopback it or TLS is needed. At least 16 characters.
    Default: none."""

    allow_plaintext: bool = Field(False, validation_alias="ALLOW_PLAINTEXT")
    """Whether services may talk without TLS beyond loopback, and SERVICE_TOKEN be read on the way: only on a network
    of their own. Default false."""

    tls_cert_file: Path | None = Field(None, validation_alias="TLS_CERT_FILE")
    """Certificate by which services know each other, with its chain, in PEM; its first DNS label or the end of its
    SPIFFE URI is its role: gateway, queue, processor or notifier. Read again when it changes. Default: no TLS."""

    tls_key_file: Path | None = Field(None, validation_alias="TLS_KEY_FILE")
    """Key of the certificate, in PEM. Default: no TLS."""

    tls_ca_file: Path | None = Field(None, validation_alias="TLS_CA_FILE")
    """Certificates of whoever signs those of the services, in PEM. Default: no TLS."""

    tls_poll_s: float = Field(10.0, validation_alias="TLS_POLL_S", ge=0.05, le=3_600)
    """Seconds between two looks for changed files of TLS. 0.05 to 3600. Default 10."""

    metrics_address: str = Field("", validation_alias="METRICS_ADDRESS", pattern=_ADDRESS_OR_NONE)
    """``host:port`` where GET /metrics answers, for Prometheus; port 0 picks a free one. Default: nowhere."""

    otlp_endpoint: str = Field(
        "", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", pattern=r"^(https?://[^/\s]+[^\s?#]*)?$"
    )
    """Where traces go, by OTLP over HTTP, such as http://collector:4318; other OTEL_ variables are OpenTelemetry's
    own. Default: no traces."""

    health_listen_address: str | None = Field(None, validation_alias="HEALTH_LISTEN_ADDRESS", min_length=3)
    """``host:port`` where a gRPC service answers health in plain text and nothing else, for probes that have no
    certificate. Default: none, and health is asked where the service listens."""

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        files = {"CERT": self.tls_cert_file, "KEY": self.tls_key_file, "CA": self.tls_ca_file}
        missing = [f"TLS_{name}_FILE" for name, path in files.items() if path is None]
        if 0 < len(missing) < len(files):
            raise ValueError(f"TLS needs all of its three files: set {' and '.join(missing)} too")
        return self


def env_name(field: FieldInfo, field_name: str) -> str:
    """Return the variable that sets `field`."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else field_name.upper()


def is_secret(field: FieldInfo) -> bool:
    """Return whether the field's value must never be shown."""
    return "SecretStr" in str(field.annotation)


S = TypeVar("S", bound=Settings)


def load(settings: type[S]) -> S:
    """Read `settings` from the environment.

    Raises:
        SettingsError: With one line for each mistake, naming variable, value and limit. Secrets are not shown.
    """
    try:
        return settings.model_validate(_found(settings, os.environ))
    except ValidationError as errors:
        secrets = {env_name(field, name) for name, field in settings.model_fields.items() if is_secret(field)}
        raise SettingsError(_report(errors, secrets)) from None


def _found(settings: type[Settings], variables: Mapping[str, str]) -> dict[str, Any]:
    """Return what is set, by the name of its variable. An empty variable is none."""
    found: dict[str, Any] = {}
    for field_name, field in settings.model_fields.items():
        name = env_name(field, field_name)
        text = _secret(name, variables) if is_secret(field) else variables.get(name) or None
        if text is not None:
            found[name] = _parsed(name, text) if get_origin(field.annotation) is list else text
    return found


def _secret(name: str, variables: Mapping[str, str]) -> str | None:
    """Return a secret; ``NAME_FILE=/path`` stands for ``NAME=<what the file holds>``."""
    path = variables.get(f"{name}_FILE")
    if path is None:
        return variables.get(name) or None
    if name in variables:
        raise SettingsError(f"{name} and {name}_FILE are both set; use one.")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{name}_FILE={path!r} cannot be read: {cause}.") from error


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{name} is not JSON: {error}.") from error


def _report(errors: ValidationError, secrets: set[str]) -> str:
    lines = []
    for error in errors.errors(include_url=False):
        problem = error["msg"].removeprefix("Value error, ")
        if not error["loc"]:
            lines.append(problem)
            continue
        name = str(error["loc"][0])
        if name in secrets:
            # A secret is text, whose letters pydantic takes for items.
            said = _ITEMS.sub("character", problem).replace(" after validation", "")
            lines.append(f"{name}: {_uncapitalised(said)}")
            continue
        place = name + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"][1:])
        shown = place if error["type"] == "missing" else f"{place}={error['input']!r}"
        lines.append(f"{shown}: {_uncapitalised(problem)}")
    return "\n".join(lines)


def _uncapitalised(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
