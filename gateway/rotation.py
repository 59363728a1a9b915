"""``python -m gateway rotate-keys``: sign with a new key, at every gateway, without a restart."""

import asyncio
import sys
from pathlib import Path

from pydantic import Field

from gateway.auth.keyring import has_key, rotate_keys
from gateway.config import GatewaySettings
from gateway.store.opening import SQLITE, is_there, open_database, shown_url
from services.chassis.clock import SystemClock
from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import StartError
from services.chassis.running import read_state
from services.chassis.settings import SettingsError, load


class RotationSettings(GatewaySettings):
    """What the command can be told: what a gateway can, and where one that runs on this machine says so."""

    var_dir: Path = Field(Path("var"), validation_alias="VAR_DIR")
    """Directory in whose ``run`` a clipferry that runs here says so. Default var."""

    @property
    def store_url(self) -> str:
        """The store that was said, else that of what runs here, else where it would be."""
        if "gateway_database_url" in self.model_fields_set:
            return super().store_url
        state = read_state(self.var_dir / "run") or {}
        return str(state.get("gatewayStore") or f"{SQLITE}{self.var_dir / 'gateway.db'}")


async def rotate(settings: GatewaySettings) -> str:
    """Make a new key that signs; returns its id. Gateways that run hear of it.

    Raises:
        StartError: If the keys are given by the environment, or the store cannot be used or is none of a gateway's that
            signs with its keys.
    """
    if settings.jwt_signing_key is not None:
        raise StartError(
            "the signing key is given by JWT_SIGNING_KEY: put it into JWT_PREVIOUS_SIGNING_KEY, a new one into"
            " JWT_SIGNING_KEY, and start the gateways again."
        )
    url = settings.store_url
    if not await is_there(url):
        raise StartError(
            f"there is no store of a gateway at {shown_url(url)}: set GATEWAY_DATABASE_URL, or VAR_DIR as for the run."
        )
    try:
        async with open_database(url, alone=False) as database:
            if not await has_key(database):
                raise StartError(
                    f"no gateway signs with a key of the store at {shown_url(url)}; is JWT_SIGNING_KEY set for it?"
                )
            return await rotate_keys(database, SystemClock())
    except ClipferryError as error:
        raise StartError(error.message) from error


def main() -> None:
    """Run the command. Exit status 78 when it cannot be done, with the reason on standard error."""
    try:
        settings = load(RotationSettings)
        key_id = asyncio.run(rotate(settings))
    except (SettingsError, StartError) as error:
        sys.stderr.write(f"gateway: {error}\n")
        raise SystemExit(78) from None
    sys.stdout.write(
        f"{shown_url(settings.store_url)}: tokens are signed with the new key {key_id}; those of the one before are"
        " good until they end.\n"
    )
