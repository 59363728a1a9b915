"""``python -m gateway rotate-keys``: sign with a new key, at every gateway, without a restart."""

import asyncio
import sys

from gateway.auth.keyring import rotate_keys
from gateway.config import GatewaySettings
from gateway.store.opening import open_database
from services.chassis.clock import SystemClock
from services.chassis.errors import ClipferryError
from services.chassis.lifecycle import StartError
from services.chassis.settings import SettingsError, load


async def rotate(settings: GatewaySettings) -> str:
    """Make a new key that signs; returns its id. Gateways that run hear of it.

    Raises:
        StartError: If the keys are given by the environment, or the store cannot be used.
    """
    if settings.jwt_signing_key is not None:
        raise StartError(
            "the signing key is given by JWT_SIGNING_KEY: put it into JWT_PREVIOUS_SIGNING_KEY, a new one into"
            " JWT_SIGNING_KEY, and start the gateways again."
        )
    try:
        async with open_database(settings.store_url, alone=False) as database:
            return await rotate_keys(database, SystemClock())
    except ClipferryError as error:
        raise StartError(error.message) from error


def main() -> None:
    """Run the command. Exit status 78 when it cannot be done, with the reason on standard error."""
    try:
        key_id = asyncio.run(rotate(load(GatewaySettings)))
    except (SettingsError, StartError) as error:
        sys.stderr.write(f"gateway: {error}\n")
        raise SystemExit(78) from None
    sys.stdout.write(f"Tokens are signed with the new key {key_id}; those of the one before are good until they end.\n")
