"""A processor that only looks at pages."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from PIL import Image, ImageDraw

from clipferry.processor.v1 import processor_service_pb2 as processor_pb
from clipferry.processor.v1 import processor_service_pb2_grpc as processor_grpc
from services.chassis.errors import ClipferryError, Reason, field_invalid
from services.chassis.server import Served, serving

PICTURE_URL = "https://pictures.test/1.jpg"
_SIZE = (320, 180)


class Prober(processor_grpc.ProcessorServiceServicer):
    """Looks at four pages: a video, one without a picture, a list, and one with nothing on it."""

    async def ProbeUrl(self, request: processor_pb.ProbeUrlRequest, context: object) -> processor_pb.ProbeUrlResponse:
        """Answer as a processor does."""
        if not request.spec.url.startswith("http"):
            raise field_invalid("spec.url", "must be an http or https URL", request.spec.url)
        if request.spec.url.endswith("/nothing"):
            raise ClipferryError(Reason.NO_VIDEO)
        fits = processor_pb.Plan(fit=processor_pb.FIT_TRANSCODE, limit_bytes=50_000_000, estimated_bytes=71_000_000)
        found = processor_pb.ProbeUrlResponse(title="<b>Gulls</b>", extractor="generic", plan=fits)
        found.duration.FromSeconds(3_725)
        if not request.spec.url.endswith("/plain"):
            found.thumbnail_url, found.thumbnail = PICTURE_URL, sea()
        if request.spec.playlist_item:
            found.title = f"Part {request.spec.playlist_item}"
        elif request.spec.url.endswith("/list"):
            found.entries.extend(processor_pb.ProbeEntry(item=item, title=f"Part {item}") for item in (1, 2, 3))
        return found


@cache
def sea() -> bytes:
    """Return a JPEG of a sun over the sea."""
    width, height = _SIZE
    image = Image.new("RGB", _SIZE)
    draw = ImageDraw.Draw(image)
    for y in range(height):
        sky = y < height * 0.62
        draw.line((0, y, width, y), (60 + y, 110 + y // 2, 150 + y // 4) if sky else (18, 90 - y // 4, 120 - y // 4))
    draw.ellipse((205, 52, 255, 102), "#ffe2a8")
    target = io.BytesIO()
    image.save(target, "JPEG", quality=85)
    return target.getvalue()


@asynccontextmanager
async def probing() -> AsyncIterator[str]:
    """Run a prober for the length of the block; yields its address."""
    served = Served(
        "clipferry.processor.v1.ProcessorService",
        processor_grpc.add_ProcessorServiceServicer_to_server,
        Prober(),
    )
    async with serving([served], address="127.0.0.1:0", drain_s=0.1) as port:
        yield f"127.0.0.1:{port}"
