"""Settings of ``make run``, and the environment it gives to the processes."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from services.chassis.settings import Settings

SANDBOX_BOT_TOKEN = "100200300:sandbox-token-of-a-bot-that-is-not-real"  # noqa: S105 - opens nothing but the sandbox
SANDBOX_CHAT_ID = "1001"
_ADDRESS = r"^[^\s:]+:\d{1,5}$"


class RunSettings(Settings):
    """What ``make run`` can be told. What the services can be told is passed on to them as it is."""

    drain_s: float = Field(3.0, validation_alias="DRAIN_S", ge=0, le=600)
    """Seconds that running work gets to finish after Ctrl-C. Default under `make run`: 3."""

    host: str = Field("127.0.0.1", validation_alias="HOST", min_length=1)
    """Address the gateway listens on. Default 127.0.0.1."""

    port: int = Field(3000, validation_alias="PORT", ge=1, le=65_535)
    """Port the gateway listens on. Default 3000."""

    queue_listen_address: str = Field("127.0.0.1:50051", validation_alias="QUEUE_LISTEN_ADDRESS", pattern=_ADDRESS)
    """``host:port`` of the queue. Default 127.0.0.1:50051."""

    processor_listen_address: str = Field(
        "127.0.0.1:50052", validation_alias="PROCESSOR_LISTEN_ADDRESS", pattern=_ADDRESS
    )
    """``host:port`` of the processor. Default 127.0.0.1:50052."""

    notifier_listen_address: str = Field(
        "127.0.0.1:50053", validation_alias="NOTIFIER_LISTEN_ADDRESS", pattern=_ADDRESS
    )
    """``host:port`` of the notifier. Default 127.0.0.1:50053."""

    site_port: int = Field(8082, validation_alias="SANDBOX_SITE_PORT", ge=1, le=65_535)
    """Port of the sample video site on 127.0.0.1. Default 8082."""

    bot_api_port: int = Field(8081, validation_alias="SANDBOX_BOT_API_PORT", ge=1, le=65_535)
    """Port of the sandbox Bot API on 127.0.0.1. Default 8081."""

    telegram_bot_token: SecretStr | None = Field(None, validation_alias="TELEGRAM_BOT_TOKEN")
    """Token of a real bot; together with TELEGRAM_CHAT_ID. Default: none, and the sandbox Bot API is used."""

    telegram_chat_id: str = Field("", validation_alias="TELEGRAM_CHAT_ID")
    """Chat of the real bot. Default: none."""

    admin_api_key: SecretStr | None = Field(None, validation_alias="ADMIN_API_KEY", min_length=16)
    """API key of the administrator. At least 16 characters. Default: a new one for each run."""

    egress_allow: str = Field("", validation_alias="EGRESS_ALLOW")
    """``host:port``, separated by commas, that may be reached although private; the sample site is added."""

    var_dir: Path = Field(Path("var"), validation_alias="VAR_DIR")
    """Directory of databases, and in its ``run`` of logs and state. Default var."""

    @model_validator(mode="after")
    def _real_telegram_needs_both(self) -> Self:
        if self.telegram_bot_token and not self.telegram_chat_id:
            raise ValueError("TELEGRAM_BOT_TOKEN is set and TELEGRAM_CHAT_ID is not: say which chat to send to.")
        if self.telegram_chat_id and not self.telegram_bot_token:
            raise ValueError("TELEGRAM_CHAT_ID is set and TELEGRAM_BOT_TOKEN is not: say which bot sends.")
        return self

    @property
    def real_telegram(self) -> bool:
        """Whether videos go to the real Telegram."""
        return self.telegram_bot_token is not None

    @property
    def run_dir(self) -> Path:
        """Directory of this run's logs and state."""
        return self.var_dir / "run"

    @property
    def gateway_url(self) -> str:
        """Where the gateway answers, for this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - recognised, not bound
        return f"http://{host}:{self.port}"

    @property
    def site_url(self) -> str:
        """Where the sample site answers."""
        return f"http://127.0.0.1:{self.site_port}"

    @property
    def bot_api_url(self) -> str:
        """Where the sandbox Bot API answers."""
        return f"http://127.0.0.1:{self.bot_api_port}"


def environment(settings: RunSettings, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of every process: what was inherited, and what fits the parts together."""
    given_key = settings.admin_api_key
    # Looks like one of the gateway's own: such a key is a Bearer token as it is.
    admin_key = given_key.get_secret_value() if given_key else f"cf_{secrets.token_urlsafe(24)}"
    ours = {
        "QUEUE_LISTEN_ADDRESS": settings.queue_listen_address,
        "PROCESSOR_LISTEN_ADDRESS": settings.processor_listen_address,
        "NOTIFIER_LISTEN_ADDRESS": settings.notifier_listen_address,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "SANDBOX_SITE_PORT": str(settings.site_port),
        "SANDBOX_BOT_API_PORT": str(settings.bot_api_port),
        "ADMIN_API_KEY": admin_key,
        "DRAIN_S": f"{settings.drain_s:g}",
        "EGRESS_ALLOW": ",".join(filter(None, [settings.egress_allow, f"127.0.0.1:{settings.site_port}"])),
        "PYTHONUNBUFFERED": "1",
    }
    if not settings.real_telegram:
        ours |= {
            "TELEGRAM_BOT_TOKEN": SANDBOX_BOT_TOKEN,
            "TELEGRAM_CHAT_ID": SANDBOX_CHAT_ID,
            "TELEGRAM_API_BASE_URL": settings.bot_api_url,
        }
    unless_set = {
        "QUEUE_TARGET": settings.queue_listen_address,
        "PROCESSOR_TARGET": settings.processor_listen_address,
        "NOTIFIER_TARGET": settings.notifier_listen_address,
        "DATABASE_URL": f"sqlite:///{settings.var_dir}/queue.db",
        "GATEWAY_DATABASE_URL": f"sqlite:///{settings.var_dir}/gateway.db",
    }
    given = {name: value for name, value in inherited.items() if value or name not in unless_set}
    return unless_set | given | ours
