"""Settings from the environment: strict, all mistakes in one report, secrets also from files."""

import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class SettingsError(Exception):
    """One or more settings are wrong. The message has a line for each."""


class _SecretFiles(PydanticBaseSettingsSource):
    """``NAME_FILE=/path`` stands for ``NAME=<what the file holds>``, for each secret setting."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = env_name(field, field_name)
        path = os.environ.get(f"{name}_FILE")
        if path is None or not is_secret(field):
            return None, name, False
        if name in os.environ:
            raise SettingsError(f"{name} and {name}_FILE are both set; use one.")
        try:
            return Path(path).read_text().strip(), name, False
        except (OSError, UnicodeDecodeError) as error:
            cause = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(f"{name}_FILE={path!r} cannot be read: {cause}.") from error

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, field_name)
            if value is not None:
                found[key] = value
        return found


class Settings(BaseSettings):
    """What every process can be told. Each field names its variable by ``validation_alias``.

    Reference settings keep their names and units (milliseconds for times); ours carry the unit in the name.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, use_attribute_docstrings=True)

    log_level: str = Field("INFO", validation_alias="LOG_LEVEL", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """Least severe log line that is written: DEBUG, INFO, WARNING or ERROR. Default INFO."""

    drain_s: float = Field(20.0, validation_alias="DRAIN_S", ge=0, le=600)
    """Seconds that running work gets to finish after SIGTERM; under the orchestrator's kill delay. Default 20."""

    service_token: SecretStr | None = Field(None, validation_alias="SERVICE_TOKEN", min_length=16)
    """Bearer token that services show each other; needed beyond loopback. At least 16 characters. Default: none."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            EnvSettingsSource(settings_cls, env_ignore_empty=True),
            _SecretFiles(settings_cls),
        )


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
        return settings()
    except ValidationError as errors:
        secrets = {env_name(field, name) for name, field in settings.model_fields.items() if is_secret(field)}
        raise SettingsError(_report(errors, secrets)) from None


def _report(errors: ValidationError, secrets: set[str]) -> str:
    lines = []
    for error in errors.errors(include_url=False):
        problem = error["msg"].removeprefix("Value error, ")
        if not error["loc"]:
            lines.append(problem)
            continue
        name = str(error["loc"][0])
        shown = name if name in secrets else f"{name}={error['input']!r}"
        lines.append(f"{shown}: {problem[:1].lower()}{problem[1:]}")
    return "\n".join(lines)
