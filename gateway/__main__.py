"""``python -m gateway``: one gateway process."""

import asyncio

import uvloop

from gateway.config import GatewaySettings
from gateway.service import gateway_service
from services.chassis.lifecycle import main

if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    main("gateway", GatewaySettings, gateway_service)
