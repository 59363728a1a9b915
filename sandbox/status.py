"""``python -m sandbox.status queue|memory|health``: what a running clipferry says of itself."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field, SecretStr
from rich.console import Console
from rich.table import Table

from sandbox.run.gateway import GatewayError, signed_in
from sandbox.run.programs import serves
from sandbox.run.state import read_state
from services.chassis.settings import Settings, SettingsError, load

_TIMEOUT_S = 10.0
_PATHS = {"queue": "/api/queue/stats", "memory": "/api/memory/stats"}


class StatusSettings(Settings):
    """Which clipferry is asked. Default: the one that `make run` started here."""

    url: str = Field("", validation_alias="CLIPFERRY_URL", pattern=r"^(https?://\S+)?$")
    """Address of the gateway. Default: what `make run` wrote down, else port PORT of this machine."""

    api_key: SecretStr | None = Field(None, validation_alias="CLIPFERRY_API_KEY")
    """API key of a user. Default: what `make run` wrote down."""

    port: int = Field(3000, validation_alias="PORT", ge=1, le=65_535)
    """Port of the gateway on this machine. Default 3000."""

    var_dir: Path = Field(Path("var"), validation_alias="VAR_DIR")
    """Where `make run` writes down that it runs. Default var."""


def main() -> int:
    """Print what was asked for; returns the exit status: 0, or 1 when it is unhealthy or cannot be asked."""
    parser = argparse.ArgumentParser(prog="sandbox.status")
    parser.add_argument("what", choices=["queue", "memory", "health"])
    what = parser.parse_args().what
    try:
        settings = load(StatusSettings)
        return asyncio.run(_health(settings) if what == "health" else _stats(settings, _PATHS[what]))
    except (GatewayError, SettingsError) as error:
        sys.stderr.write(f"clipferry: {error}\n")
        return 1


async def _stats(settings: StatusSettings, path: str) -> int:
    url, key = _whom(settings)
    if not key:
        raise GatewayError("no API key: start clipferry with `make run`, or set CLIPFERRY_API_KEY.")
    async with signed_in(url, key) as gateway:
        _print(await gateway.get(path))
    return 0


async def _health(settings: StatusSettings) -> int:
    url, _ = _whom(settings)
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
            answer = await http.get(f"{url}/health")
        health = answer.json()
        _print(health)
    except (httpx.HTTPError, ValueError) as error:
        raise GatewayError(f"nothing healthy answers at {url} ({type(error).__name__}).") from error
    serving = await _serving(settings)
    _print({name: "serving" if is_serving else "NOT serving" for name, is_serving in serving.items()})
    # Degraded: the gateway answers, but no processor is connected and jobs only wait.
    is_well = answer.is_success and health.get("status") == "ok"
    return 0 if is_well and all(serving.values()) else 1


async def _serving(settings: StatusSettings) -> dict[str, bool]:
    """Return the word of each gRPC service of a run on this machine; the gateway does not reach them all."""
    if settings.url:
        return {}
    services = (read_state(settings.var_dir / "run") or {}).get("services", {})
    answers = await asyncio.gather(*(serves(address)() for address in services.values()))
    return dict(zip(services, answers, strict=True))


def _whom(settings: StatusSettings) -> tuple[str, str]:
    state = read_state(settings.var_dir / "run") or {}
    url = settings.url or state.get("gatewayUrl") or f"http://127.0.0.1:{settings.port}"
    key = settings.api_key.get_secret_value() if settings.api_key else state.get("apiKey", "")
    return url.rstrip("/"), key


def _print(facts: Mapping[str, Any]) -> None:
    table = Table.grid(padding=(0, 3))
    for name, value in _flat(facts):
        table.add_row(name, value)
    Console(soft_wrap=True).print(table)


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            rows.append((f"{prefix}{name}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{name}", str(value).lower() if isinstance(value, bool | None) else str(value)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
