"""``python -m gateway``: one gateway process. ``python -m gateway rotate-keys``: see `gateway.rotation`."""

import asyncio
import sys

import uvloop

from gateway import rotation
from gateway.config import GatewaySettings
from gateway.service import gateway_service
from services.chassis.lifecycle import main

if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
            main("gateway", GatewaySettings, gateway_service)
        case ["rotate-keys"]:
            rotation.main()
        case _:
            sys.stderr.write("usage: python -m gateway [rotate-keys]\n")
            raise SystemExit(64)
