"""A notifier that does what a test says, over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from clipferry.notifier.v1 import notifier_service_pb2 as pb
from clipferry.notifier.v1 import notifier_service_pb2_grpc as pb_grpc
from clipferry.queue.v1 import job_pb2 as job_pb
from services.chassis.errors import ClipferryError, Reason
from services.chassis.server import Served, serving
from services.chassis.tls import Tls
from services.chassis.wire import duration

OUTCOME = pb.SendVideoResponse(
    outcome=pb.SendOutcome(delivery=job_pb.Delivery(chat_id=7, message_id=8, file_id="f", size_bytes=1))
)


@dataclass(eq=False)
class ScriptedNotifier(pb_grpc.NotifierServiceServicer):
    """Takes uploads; a test says where it fails and when it takes bytes."""

    header: pb.VideoHeader | None = None
    data: bytearray = field(default_factory=bytearray)
    last: pb.LastPart | None = None
    part_sizes: list[int] = field(default_factory=list)
    fail_after_bytes: int | None = None
    """Fails with `failure` once it has so many; None: not before the last part."""
    failure: ClipferryError | grpc.StatusCode | None = None
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    """While clear, nothing is said to be taken."""
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """While clear, there is no outcome."""
    got_last: asyncio.Event = field(default_factory=asyncio.Event)
    got_part: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    replays: bool = False
    moved_to: str = ""
    """Refuses the whole file for any other chat, and names this one."""
    wait_s: float = 0.0
    """Says that so long a wait comes first."""
    call_count: int = 0

    def __post_init__(self) -> None:
        self.takes.set()
        self.answers.set()

    async def SendVideo(
        self, request_iterator: AsyncIterator[pb.SendVideoRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.SendVideoResponse]:
        try:
            async for request in request_iterator:
                kind = request.WhichOneof("kind")
                if kind == "header":
                    self.header = request.header
                    self.call_count += 1
                    self.data.clear()
                    if self.wait_s:
                        yield pb.SendVideoResponse(progress=pb.UploadProgress(wait=duration(self.wait_s)))
                    if self.replays:
                        yield OUTCOME
                        return
                elif kind == "part":
                    self.data += request.part
                    self.part_sizes.append(len(request.part))
                    await self._fail_if_due(context)
                    self.got_part.set()
                    await self.takes.wait()
                    yield pb.SendVideoResponse(progress=pb.UploadProgress(sent_bytes=len(self.data)))
                else:
                    self.last = request.last_part
                    self.data += request.last_part.data
                    self.got_last.set()
                    await self.answers.wait()
                    await self._fail(context)
                    self._follow_chat()
                    yield OUTCOME
                    return
        finally:
            self.ended.set()

    def _follow_chat(self) -> None:
        if self.moved_to and self.header is not None and self.header.destination != self.moved_to:
            raise ClipferryError(Reason.CHAT_UNAVAILABLE, migrate_to_chat_id=int(self.moved_to))

    async def _fail_if_due(self, context: grpc.aio.ServicerContext) -> None:
        if self.fail_after_bytes is not None and len(self.data) >= self.fail_after_bytes:
            await self._fail(context)

    async def _fail(self, context: grpc.aio.ServicerContext) -> None:
        if isinstance(self.failure, ClipferryError):
            raise self.failure
        if self.failure is not None:
            await context.abort(self.failure, "broken")


@asynccontextmanager
async def scripted_notifier(notifier: ScriptedNotifier, tls: Tls | None = None) -> AsyncIterator[str]:
    """Serve `notifier`; yields its address."""
    served = Served("clipferry.notifier.v1.NotifierService", pb_grpc.add_NotifierServiceServicer_to_server, notifier)
    async with serving([served], address="127.0.0.1:0", drain_s=0, tls=tls) as port:
        yield f"127.0.0.1:{port}"
