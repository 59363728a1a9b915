"""A real notifier before a Bot API stand-in, and a sender that plays the processor."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import grpc

from clipferry.notifier.v1 import notifier_service_pb2 as pb
from clipferry.notifier.v1 import notifier_service_pb2_grpc as pb_grpc
from sandbox.botapi.faults import Fault
from sandbox.botapi.server import RunningBotApi, bot_api
from services.chassis.channel import open_link
from services.chassis.status import remote_errors
from services.chassis.wire import span_s
from services.notifier.config import NotifierSettings
from services.notifier.service import notifier_service
from tests.fakes.eventually import eventually

TOKEN = "123456789:AAH-a-token-for-tests-and-nothing-else"
CHAT = "1000"
CHATS = (CHAT, "-1001", "@news")
PART_BYTES = 64 * 1024
NO_LIMITS: Mapping[str, Any] = {
    "telegram_messages_per_s": 0,
    "telegram_chat_messages_per_s": 0,
    "telegram_group_messages_per_min": 0,
}
"""Most tests send more than one message to one chat, and are not about its pace."""


def settings(url: str, **changes: Any) -> NotifierSettings:
    """Return settings of a notifier whose Bot API is at `url`."""
    known: dict[str, Any] = {
        "listen_address": "127.0.0.1:0",
        "telegram_bot_token": TOKEN,
        "telegram_chat_id": CHAT,
        "telegram_api_base_url": url,
        "drain_s": 0.1,
        **NO_LIMITS,
    }
    return NotifierSettings(**{**known, **changes})


def header(data: bytes, **changes: Any) -> pb.VideoHeader:
    """Return the header for sending `data` as a video."""
    known: dict[str, Any] = {"file_name": "clip.mp4", "mime_type": "video/mp4", "size_bytes": len(data)}
    return pb.VideoHeader(**{**known, **changes})


@dataclass
class Upload:
    """One SendVideo call, driven step by step."""

    call: Any
    data: bytes
    sent_bytes: list[int] = field(default_factory=list)
    """Progress that came, in order."""
    waits_s: list[float] = field(default_factory=list)
    """Waits that were announced, in order."""

    async def write_part(self, place: int) -> None:
        """Write one part."""
        await self.call.write(pb.SendVideoRequest(part=self.data[place * PART_BYTES : (place + 1) * PART_BYTES]))

    async def write_all_but_last(self) -> None:
        """Write every part but the last."""
        for place in range(self.part_count - 1):
            await self.write_part(place)

    async def write_last(self, *, crc32c: int | None = None) -> None:
        """Write the last part with the true checksum, or with `crc32c`, and half-close."""
        checksum = google_crc32c.value(self.data) if crc32c is None else crc32c
        last = pb.LastPart(data=self.data[self.before_last_bytes :], crc32c=checksum)
        await self.call.write(pb.SendVideoRequest(last_part=last))
        await self.call.done_writing()

    async def write_whole(self) -> None:
        """Write every part, and half-close; or as far as the notifier listens."""
        try:
            await self.write_all_but_last()
            await self.write_last()
        except Exception:  # noqa: BLE001 - a call that was refused cannot be written to; its outcome says why
            return

    async def progress_to(self, sent_bytes: int) -> None:
        """Read progress until `sent_bytes` have gone out."""
        while not self.sent_bytes or self.sent_bytes[-1] < sent_bytes:
            with remote_errors():
                message = await self.call.read()
            assert message.HasField("progress"), message
            self._note(message.progress)

    async def announced_wait(self) -> float:
        """Read to the next wait that is announced, in seconds."""
        known_count = len(self.waits_s)
        while len(self.waits_s) == known_count:
            with remote_errors():
                message = await self.call.read()
            assert message.HasField("progress"), message
            self._note(message.progress)
        return self.waits_s[-1]

    def _note(self, progress: pb.UploadProgress) -> None:
        if progress.HasField("wait"):
            self.waits_s.append(span_s(progress.wait))
        else:
            self.sent_bytes.append(progress.sent_bytes)

    async def outcome(self) -> pb.SendOutcome:
        """Read to the outcome; raises the `ClipferryError` that came instead."""
        with remote_errors():
            while (message := await self.call.read()) is not grpc.aio.EOF:
                if message.HasField("outcome"):
                    outcome: pb.SendOutcome = message.outcome
                    return outcome
                self._note(message.progress)
        raise AssertionError("the call ended without an outcome")

    @property
    def part_count(self) -> int:
        """Parts of the file, the last one included."""
        return -(-len(self.data) // PART_BYTES)

    @property
    def before_last_bytes(self) -> int:
        """Bytes of all parts but the last."""
        return (self.part_count - 1) * PART_BYTES


@dataclass
class Desk:
    """The notifier and the Bot API behind it."""

    stub: Any
    bot_api: RunningBotApi
    port: int

    async def start(self, data: bytes, **changes: Any) -> Upload:
        """Open a SendVideo call and write its header."""
        call = self.stub.SendVideo(timeout=30)
        await call.write(pb.SendVideoRequest(header=header(data, **changes)))
        return Upload(call, data)

    async def send(self, data: bytes, **changes: Any) -> pb.SendOutcome:
        """Send a whole file; raises the `ClipferryError` that came instead of an outcome."""
        upload = await self.start(data, **changes)
        writing = asyncio.create_task(upload.write_whole())
        try:
            return await upload.outcome()
        finally:
            await writing

    async def send_text(self, text: str, **changes: Any) -> pb.SendTextResponse:
        """Send a text; raises the `ClipferryError` that came instead."""
        with remote_errors():
            sent: pb.SendTextResponse = await self.stub.SendText(pb.SendTextRequest(text=text, **changes), timeout=30)
        return sent

    def fault(self, kind: str, **numbers: Any) -> None:
        """Let the next sendVideo go wrong."""
        self.bot_api.faults.add(Fault(kind=kind, **{"method": "sendVideo", **numbers}))

    async def requests_ended(self) -> None:
        """Wait until the stand-in reads and answers nothing any more."""

        async def is_idle() -> bool:
            return not self.bot_api.open_requests

        await eventually(is_idle, what="the end of the requests")


@asynccontextmanager
async def open_desk(*, tls: ssl.SSLContext | None = None, **changes: Any) -> AsyncIterator[Desk]:
    """Run a stand-in and a notifier for the length of the block."""
    async with (
        bot_api(token=TOKEN, chats=CHATS, tls=tls) as running,
        notifier_service(settings(running.url, **changes)) as port,
        open_link(f"127.0.0.1:{port}") as link,
    ):
        yield Desk(pb_grpc.NotifierServiceStub(link.channel), running, port)
