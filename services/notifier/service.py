"""The whole notifier."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from clipferry.notifier.v1 import notifier_service_pb2_grpc as pb_grpc
from services.chassis.allocator import keep_freed_memory
from services.chassis.clock import SystemClock
from services.chassis.disk_writes import disk_writes
from services.chassis.metrics import read_by
from services.chassis.server import Served, serving
from services.chassis.tls import tls_of
from services.notifier.adapters.bot_api import BotApi
from services.notifier.adapters.late_messenger import LateMessenger
from services.notifier.adapters.token_check import check_token
from services.notifier.adapters.turns import MessageLimits, MessageTurns
from services.notifier.config import NotifierSettings
from services.notifier.core.delivery import DeliveryDesk
from services.notifier.core.flood import FloodGate
from services.notifier.core.pace import OwnPace
from services.notifier.core.ports import Pace
from services.notifier.servicer import NotifierServicer

logger = structlog.get_logger(__name__)

SERVICE_NAME = "clipferry.notifier.v1.NotifierService"


@asynccontextmanager
async def notifier_service(settings: NotifierSettings) -> AsyncIterator[int]:
    """Run the notifier for the length of the block; yields its port.

    Raises:
        StartError: If the address cannot be listened on, Telegram does not accept the bot's token, or the database
            cannot be used.
    """
    keep_freed_memory()
    api = BotApi(
        base_url=settings.telegram_api_base_url,
        token=settings.telegram_bot_token.get_secret_value(),
        limit_bytes=settings.telegram_limit_bytes,
        connect_timeout_s=settings.telegram_connect_timeout_s,
        write_timeout_s=settings.telegram_write_timeout_s,
        read_timeout_s=settings.telegram_read_timeout_s,
        min_bytes_per_s=settings.telegram_min_bytes_per_s,
    )
    await check_token(api)
    limits = MessageLimits(
        per_s=settings.telegram_messages_per_s,
        per_chat_s=settings.telegram_chat_messages_per_s,
        per_group_min=settings.telegram_group_messages_per_min,
    )
    clock = SystemClock()
    async with _pace(settings, limits) as pace:
        desk = DeliveryDesk(
            LateMessenger(api),
            clock,
            gate=FloodGate(MessageTurns(clock, limits), pace, clock, wait_s=settings.flood_wait_s),
            default_chat=settings.telegram_chat_id,
            limit_bytes=settings.telegram_limit_bytes,
            stall_s=settings.upload_stall_s,
        )
        served = Served(SERVICE_NAME, pb_grpc.add_NotifierServiceServicer_to_server, NotifierServicer(desk))
        token = settings.service_token.get_secret_value() if settings.service_token else None
        server = serving(
            [served],
            address=settings.listen_address,
            drain_s=settings.drain_s,
            token=token,
            health_address=settings.health_listen_address,
            tls=tls_of(settings),
            allow_plaintext=settings.allow_plaintext,
        )
        with read_by(disk_writes):
            async with server as port:
                yield port


@asynccontextmanager
async def _pace(settings: NotifierSettings, limits: MessageLimits) -> AsyncIterator[Pace]:
    url = settings.notifier_database_url.get_secret_value()
    if not url:
        logger.info(
            "Telegram's limits are kept for this notifier alone; several need NOTIFIER_DATABASE_URL.",
            action="limits_alone",
        )
        yield OwnPace()
        return
    # Not before it is needed: one notifier does without the library.
    from services.notifier.adapters.shared_pace import open_shared_pace  # noqa: PLC0415

    bot_id = settings.telegram_bot_token.get_secret_value().partition(":")[0]
    async with open_shared_pace(url, bot_id=bot_id, limits=limits) as pace:
        yield pace
