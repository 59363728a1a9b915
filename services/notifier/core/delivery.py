"""Sends one message: checked before, at most once after."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.notifier.core.chats import MovedChats, one_name
from services.notifier.core.flood import FloodGate
from services.notifier.core.ledger import Ledger
from services.notifier.core.message import Delivered, MediaMessage, TextMessage
from services.notifier.core.ports import Messenger
from services.notifier.core.rules import check_key, checked_media, checked_text
from services.notifier.core.upload import Part, Upload
from services.notifier.metrics import FLOOD_SECONDS, MESSAGES, SEND_SECONDS, SENT_BYTES, TURN_SECONDS

logger = structlog.get_logger(__name__)

MIGRATED = "migrate_to_chat_id"
"""Where an error names the chat that a group has become."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A delivery that is known to have happened."""

    delivered: Delivered
    is_replayed: bool
    """True when it had been sent before, under the same key."""


class DeliveryDesk:
    """Takes messages and hands them to the messenger.

    Args:
        gate: Says when a chat may get a message.
        default_chat: Chat of messages that name none. Empty: such messages are refused.
        limit_bytes: Largest file that may be sent.
        stall_s: Longest wait for a part of a file.
    """

    def __init__(
        self,
        messenger: Messenger,
        clock: Clock,
        *,
        gate: FloodGate,
        default_chat: str,
        limit_bytes: int,
        stall_s: float,
    ) -> None:
        self._messenger = messenger
        self._clock = clock
        self._gate = gate
        self._moved = MovedChats()
        self._default_chat = default_chat
        self._limit_bytes = limit_bytes
        self._stall_s = stall_s
        self._ledger = Ledger(clock)

    async def send_media(
        self,
        message: MediaMessage,
        parts: AsyncIterator[Part],
        *,
        key: str,
        report: Callable[[int], Awaitable[None]],
        on_wait: Callable[[float], Awaitable[None]],
    ) -> Outcome:
        """Send a file while its parts arrive. None is read before it is the chat's turn.

        Args:
            key: A repeat of a key whose delivery is known returns that and reads no part. Empty: not idempotent.
            report: Told how many bytes of the file the Bot API has taken.
            on_wait: Told how many seconds the message may have to wait for its turn.

        Raises:
            ClipferryError: FIELD_INVALID or VIDEO_TOO_LARGE before a part is read; what `Upload` and `Messenger`
                say after that.
        """
        checked = checked_media(message, default_chat=self._default_chat, limit_bytes=self._limit_bytes)
        upload = Upload(parts, size_bytes=message.size_bytes, report=report, stall_s=self._stall_s, clock=self._clock)

        async def send() -> Delivered:
            return await self._in_turn(
                checked.destination,
                lambda chat: self._messenger.send_media(replace(checked, destination=chat), upload),
                on_wait,
            )

        return await self._once(f"media {key}" if key else "", key, send)

    async def send_text(self, message: TextMessage, *, key: str) -> Outcome:
        """Send a text.

        Args:
            key: A repeat of a key whose delivery is known returns that. Empty: not idempotent.

        Raises:
            ClipferryError: FIELD_INVALID before anything is sent; what `Messenger` says after that.
        """
        checked = checked_text(message, default_chat=self._default_chat)

        async def attempt() -> Delivered:
            return await self._in_turn(
                checked.destination,
                lambda chat: self._messenger.send_text(replace(checked, destination=chat)),
                _tell_nobody,
            )

        async def send() -> Delivered:
            try:
                return await attempt()
            except ClipferryError as error:
                if MIGRATED not in error.metadata:
                    raise
                return await attempt()  # once more: to where the chat is now

        return await self._once(f"text {key}" if key else "", key, send)

    async def _in_turn(
        self,
        destination: str,
        send: Callable[[str], Awaitable[Delivered]],
        on_wait: Callable[[float], Awaitable[None]],
    ) -> Delivered:
        chat = self._moved.where(destination)
        began_at_s = self._clock.monotonic_s()
        await self._gate.enter(one_name(chat), on_wait=on_wait)
        TURN_SECONDS.observe(self._clock.monotonic_s() - began_at_s)
        try:
            return await send(chat)
        except ClipferryError as error:
            if error.reason is Reason.TELEGRAM_FLOOD and error.retry_after_s is not None:
                FLOOD_SECONDS.add(by=error.retry_after_s)
                await self._gate.hold(one_name(chat), error.retry_after_s)
            if MIGRATED in error.metadata:
                self._moved.note(chat, error.metadata[MIGRATED])
            raise

    async def _once(self, entry: str, key: str, send: Callable[[], Awaitable[Delivered]]) -> Outcome:
        check_key(key)
        known = self._ledger.find(entry)
        if known is not None:
            logger.info("The message had been sent before.", action="delivery_replayed", key=key)
            MESSAGES.add("REPLAYED")
            return Outcome(known, is_replayed=True)
        began_at_s = self._clock.monotonic_s()
        try:
            delivered = await send()
        except ClipferryError as error:
            logger.warning(
                "The message was not confirmed.",
                action="delivery_failed",
                key=key,
                reason=error.reason.name,
                cause=error.message,
            )
            MESSAGES.add(error.reason.name)
            raise
        self._ledger.record(entry, delivered)
        took_s = self._clock.monotonic_s() - began_at_s
        MESSAGES.add("SENT")
        SENT_BYTES.add(by=delivered.size_bytes)
        SEND_SECONDS.observe(took_s)
        logger.info(
            "The message was sent.",
            action="delivery_sent",
            key=key,
            chat_id=delivered.chat_id,
            message_id=delivered.message_id,
            size_bytes=delivered.size_bytes,
            took_s=round(took_s, 3),
        )
        return Outcome(delivered, is_replayed=False)


async def _tell_nobody(_wait_s: float) -> None:
    pass
