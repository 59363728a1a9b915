"""The queue's leases and the notifier's delivery, over gRPC."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import google_crc32c
import grpc
import structlog

from clipferry.notifier.v1 import notifier_service_pb2 as notifier_pb
from clipferry.notifier.v1 import notifier_service_pb2_grpc as notifier_grpc
from clipferry.queue.v1 import worker_service_pb2 as worker_pb
from services.chassis.channel import Link
from services.chassis.errors import ClipferryError, Reason
from services.chassis.lifecycle import background
from services.chassis.status import remote_errors
from services.chassis.stream_writing import write, write_end
from services.chassis.wire import span_s
from services.processor import wire
from services.processor.adapters.move_book import MoveBook
from services.processor.core.part_size import PartSize
from services.processor.core.ports import Layout
from services.processor.core.run import Header, MediaSummary, Receipt, Run
from services.processor.metrics import BYTES, RUNS

logger = structlog.get_logger(__name__)

_NOTHING_SENT = frozenset(
    {
        Reason.FIELD_INVALID,
        Reason.STALLED,
        Reason.VIDEO_TOO_LARGE,
        Reason.TELEGRAM_FLOOD,
        Reason.TELEGRAM_REJECTED,
        Reason.TELEGRAM_UNREACHABLE,
        Reason.CHAT_UNAVAILABLE,
        Reason.CHECKSUM_MISMATCH,
    }
)
"""What the notifier only says when it is sure that no message was sent."""
_END_S = 1.0
"""How long the end of a call may take that has had its outcome; a notifier that is well sends both at once."""


class StreamLeases:
    """The moves of a run, over whichever Work stream is open."""

    def __init__(self, moves: MoveBook) -> None:
        self._moves = moves

    async def begin_send(self, run: Run, *, size_bytes: int, media: MediaSummary) -> Receipt | None:
        request = worker_pb.BeginSendRequest(lease=wire.lease(run), size_bytes=size_bytes, media=wire.media(media))
        answer = (await self._moves.ask(worker_pb.Move(begin_send=request))).begin_send
        BYTES.add("fetched", by=size_bytes)
        return wire.receipt(answer.delivery) if answer.HasField("delivery") else None

    async def commit_send(self, run: Run) -> None:
        request = worker_pb.CommitSendRequest(lease=wire.lease(run))
        await self._moves.ask(worker_pb.Move(commit_send=request))

    async def complete(self, run: Run, receipt: Receipt) -> None:
        request = worker_pb.CompleteJobRequest(lease=wire.lease(run), delivery=wire.delivery(receipt))
        await self._moves.ask(worker_pb.Move(complete_job=request))
        RUNS.add("completed", "")
        BYTES.add("sent", by=receipt.size_bytes)

    async def fail(self, run: Run, error: ClipferryError, *, not_sent: bool) -> None:
        await self._moves.ask(worker_pb.Move(fail_job=wire.failure(run, error, not_sent=not_sent)))
        RUNS.add("failed", error.reason.name)

    async def release(self, run: Run) -> None:
        request = worker_pb.ReleaseJobsRequest(leases=[wire.lease(run)])
        await self._moves.ask(worker_pb.Move(release_jobs=request))
        RUNS.add("released", "")

    def resize(self, run: Run, *, reserved_bytes: int) -> None:
        request = worker_pb.ResizeReservationRequest(lease=wire.lease(run), reserved_bytes=reserved_bytes)
        self._moves.post(worker_pb.Move(resize_reservation=request))


class NotifierDelivery:
    """Streams files to the notifier.

    Args:
        part_bytes: Most bytes in each message; a slow line gets smaller ones.
        answer_timeout_s: How long Telegram's answer may take after the last byte; longer than the notifier waits.
        min_bytes_per_s: Slowest work on a file after that: a large one may take so much longer.
    """

    def __init__(self, link: Link, *, part_bytes: int, answer_timeout_s: float, min_bytes_per_s: int) -> None:
        self._stub = notifier_grpc.NotifierServiceStub(link.channel)
        self._link = link
        self._part_bytes = part_bytes
        self._answer_timeout_s = answer_timeout_s
        self._min_bytes_per_s = min_bytes_per_s

    async def send(
        self,
        header: Header,
        layout: Layout,
        *,
        commit: Callable[[], Awaitable[None]],
        on_sent: Callable[[int], None],
        on_wait: Callable[[float], None],
    ) -> Receipt:
        def upload() -> _Upload:
            return _Upload(self._stub.SendVideo(metadata=self._link.metadata), self._part_bytes, on_sent, on_wait)

        first = wire.video_header(header)
        try:
            return await self._send(upload(), first, layout, commit)
        except ClipferryError as error:
            new_chat = error.metadata.get("migrate_to_chat_id")
            if error.reason is not Reason.CHAT_UNAVAILABLE or new_chat is None:
                raise
        # Telegram has refused the message and says where the chat is. The file is still here; a commit may be repeated.
        logger.info("The chat has moved; sending there.", action="chat_moved", chat=new_chat)
        first.destination = new_chat
        return await self._send(upload(), first, layout, commit)

    async def _send(
        self,
        upload: "_Upload",
        first: notifier_pb.VideoHeader,
        layout: Layout,
        commit: Callable[[], Awaitable[None]],
    ) -> Receipt:
        limit_s = round(self._answer_timeout_s + layout.size_bytes / self._min_bytes_per_s, 1)
        try:
            async with background(upload.read(), name="upload-reader"):
                await upload.write(first, layout, commit)
                async with asyncio.timeout(limit_s):
                    receipt = await upload.outcome
        except TimeoutError:
            raise _unknown(f"the notifier had no answer within {limit_s:g} s", limit_s=limit_s) from None
        except ClipferryError as error:
            if not upload.ended or error.reason in _NOTHING_SENT or error.reason is Reason.DELIVERY_UNKNOWN:
                raise
            raise _unknown(f"the notifier was lost ({error.reason.name})") from error
        else:
            await upload.end()
            return receipt
        finally:
            upload.close()


class _Upload:
    """One SendVideo call."""

    def __init__(
        self,
        call: grpc.aio.StreamStreamCall,
        part_bytes: int,
        on_sent: Callable[[int], None],
        on_wait: Callable[[float], None],
    ) -> None:
        self._call = call
        self._size = PartSize(part_bytes, begun_at_s=time.monotonic())
        self._on_sent = on_sent
        self._on_wait = on_wait
        self._sent_bytes = 0
        self._moved = asyncio.Event()
        self.outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.ended = False
        """True once the last part may have left: what breaks after it may have been delivered."""

    async def read(self) -> None:
        """Follow what the notifier says, to the outcome.

        Raises:
            ClipferryError: As the notifier refuses, or when the call breaks.
        """
        with remote_errors():
            while (message := await self._call.read()) is not grpc.aio.EOF:
                if message.WhichOneof("kind") == "outcome":
                    self.outcome.set_result(wire.receipt(message.outcome.delivery))
                    self._moved.set()
                    return
                if message.progress.HasField("wait"):
                    self._on_wait(span_s(message.progress.wait))
                if message.progress.sent_bytes > self._sent_bytes:
                    self._sent_bytes = message.progress.sent_bytes
                    self._size.heard(self._sent_bytes, now_s=time.monotonic())
                    self._on_sent(self._sent_bytes)
                    self._moved.set()
        raise ClipferryError(Reason.UNAVAILABLE, "The notifier ended an upload without an outcome.")

    async def write(
        self, first: notifier_pb.VideoHeader, layout: Layout, commit: Callable[[], Awaitable[None]]
    ) -> None:
        """Write the file, and say that this was all; ends early when there is an outcome already."""
        await self._write_file(first, layout, commit)
        if not await write_end(self._call):
            await self._over()

    async def end(self) -> None:
        """Follow a call that has had its outcome to its end: one that is cancelled before counts as failed."""
        with suppress(TimeoutError, grpc.aio.AioRpcError):
            async with asyncio.timeout(_END_S):
                while await self._call.read() is not grpc.aio.EOF:
                    pass

    async def _write_file(
        self, first: notifier_pb.VideoHeader, layout: Layout, commit: Callable[[], Awaitable[None]]
    ) -> None:
        await self._write(notifier_pb.SendVideoRequest(header=first))
        # Small files too are withheld in part, so that Telegram has been reached before the point of no return.
        last_bytes = max(1, min(self._size.least_bytes, layout.size_bytes // 2))
        withheld_from = layout.size_bytes - last_bytes
        crc = offset = 0
        while offset < withheld_from:
            length = min(self._size.bytes, withheld_from - offset)
            part = layout.read(offset, length)
            offset += length
            crc = google_crc32c.extend(crc, part)
            await self._write(notifier_pb.SendVideoRequest(part=part))
            if self.outcome.done():
                return
        while self._sent_bytes < withheld_from and not self.outcome.done():
            self._moved.clear()
            await self._moved.wait()
        if self.outcome.done():
            return
        part = layout.read(withheld_from, last_bytes)
        last = notifier_pb.LastPart(data=part, crc32c=google_crc32c.extend(crc, part))
        await commit()
        self.ended = True
        await self._write(notifier_pb.SendVideoRequest(last_part=last))

    async def _write(self, request: notifier_pb.SendVideoRequest) -> None:
        if not await write(self._call, request):
            await self._over()

    async def _over(self) -> None:
        """Wait for the call's reader: it has the outcome, or learns why there is none and ends this block with it."""
        await asyncio.wait((self.outcome,))

    def close(self) -> None:
        """End the call; nothing happens when it has ended."""
        self._call.cancel()


def _unknown(problem: str, **numbers: float) -> ClipferryError:
    return ClipferryError(
        Reason.DELIVERY_UNKNOWN,
        f"The whole file went out, then {problem}: it may have been sent; check the chat before sending again.",
        **numbers,
    )
