"""The notifier's edge: messages of the wire to the delivery desk and back."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from clipferry.notifier.v1 import notifier_service_pb2 as pb
from clipferry.notifier.v1 import notifier_service_pb2_grpc as pb_grpc
from clipferry.queue.v1 import job_pb2
from services.chassis.errors import field_invalid
from services.chassis.wire import duration, span_s
from services.notifier.core.delivery import DeliveryDesk, Outcome
from services.notifier.core.message import MediaMessage, TextMessage
from services.notifier.core.upload import PART_LIMIT_BYTES, Part
from services.notifier.request_reader import RequestReader, reading


class NotifierServicer(pb_grpc.NotifierServiceServicer):
    """Answers NotifierService."""

    def __init__(self, desk: DeliveryDesk) -> None:
        self._desk = desk

    async def SendVideo(self, _requests: Any, context: grpc.aio.ServicerContext) -> None:
        # Reads and writes by the context: a generator would not hear of a cancel while it is suspended in a yield.
        async def report(sent_bytes: int) -> None:
            await context.write(pb.SendVideoResponse(progress=pb.UploadProgress(sent_bytes=sent_bytes)))

        async def tell_wait(wait_s: float) -> None:
            await context.write(pb.SendVideoResponse(progress=pb.UploadProgress(wait=duration(wait_s))))

        async with reading(context) as requests:
            header = await _header(requests)
            outcome = await self._desk.send_media(
                _media_message(header),
                _parts(requests),
                key=header.idempotency_key,
                report=report,
                on_wait=tell_wait,
            )
            await context.write(pb.SendVideoResponse(outcome=_wire_outcome(outcome)))

    async def SendText(self, request: pb.SendTextRequest, _context: Any) -> pb.SendTextResponse:
        message = TextMessage(destination=request.destination, text=request.text, thread_id=request.thread_id)
        outcome = await self._desk.send_text(message, key=request.idempotency_key)
        return pb.SendTextResponse(
            chat_id=outcome.delivered.chat_id,
            message_id=outcome.delivered.message_id,
            replayed=outcome.is_replayed,
        )


async def _header(requests: RequestReader) -> pb.VideoHeader:
    first = await requests.next()
    if first is None or not first.HasField("header"):
        raise field_invalid("header", "must be the first message of the stream")
    header: pb.VideoHeader = first.header
    return header


async def _parts(requests: RequestReader) -> AsyncIterator[Part]:
    while (request := await requests.next()) is not None:
        if request.HasField("last_part"):
            part = Part(request.last_part.data, crc32c=request.last_part.crc32c)
        elif request.HasField("part"):
            part = Part(request.part)
        else:
            raise field_invalid("kind", "must be a part or the last part after the header")
        if len(part.data) > PART_LIMIT_BYTES:
            raise field_invalid("part", f"must have at most {PART_LIMIT_BYTES} bytes, it has {len(part.data)}")
        yield part


def _media_message(header: pb.VideoHeader) -> MediaMessage:
    return MediaMessage(
        destination=header.destination,
        file_name=header.file_name,
        mime_type=header.mime_type,
        size_bytes=header.size_bytes,
        is_audio=header.kind == job_pb2.KIND_AUDIO,
        caption=header.caption,
        duration_s=_whole_seconds(span_s(header.duration)),
        width=header.width,
        height=header.height,
        thumbnail=header.thumbnail,
        title=header.title,
        performer=header.performer,
        thread_id=header.thread_id,
    )


def _whole_seconds(duration_s: float) -> int:
    """Return a length as the Bot API takes it. A clip under one second must not be shown as 0:00."""
    return max(1, round(duration_s)) if duration_s > 0 else 0


def _wire_outcome(outcome: Outcome) -> pb.SendOutcome:
    sent = outcome.delivered
    delivery = job_pb2.Delivery(
        chat_id=sent.chat_id, message_id=sent.message_id, file_id=sent.file_id, size_bytes=sent.size_bytes
    )
    return pb.SendOutcome(delivery=delivery, replayed=outcome.is_replayed)
