"""What a probe found, as clients see it."""

import base64

import msgspec
from google.protobuf.duration_pb2 import Duration

from clipferry.processor.v1 import processor_service_pb2
from services.chassis.wire import span_s


class EntryView(msgspec.Struct, rename="camel", frozen=True):
    """One video of a list."""

    item: int
    title: str
    url: str
    duration: float | None


class PlanView(msgspec.Struct, rename="camel", frozen=True):
    """What a job would do."""

    format_id: str
    estimated_size: int | None
    """Bytes; null when the site does not say."""
    fit: str
    """unknown, as_is, smaller_format, transcode or too_large."""
    limit: int
    """Most bytes that may be sent."""
    width: int | None
    height: int | None
    merges: bool


class ProbeView(msgspec.Struct, rename="camel", frozen=True):
    """What there is on a page."""

    title: str
    extractor: str
    duration: float | None
    """Seconds."""
    thumbnail_url: str | None
    """Where the site has its picture. A page that loads it from there tells the site who looks."""
    thumbnail: str | None
    """The same, made a JPEG of at most 320 pixels a side and 64 KiB, as a `data:` URI; null when there is none."""
    is_live: bool
    entries: list[EntryView]
    plan: PlanView | None


def probe_view(found: processor_service_pb2.ProbeUrlResponse) -> ProbeView:
    """Return `found` for clients."""
    entries = [
        EntryView(entry.item, entry.title, entry.url, _seconds(entry.duration, entry.HasField("duration")))
        for entry in found.entries
    ]
    return ProbeView(
        title=found.title,
        extractor=found.extractor,
        duration=_seconds(found.duration, found.HasField("duration")),
        thumbnail_url=found.thumbnail_url or None,
        thumbnail=_data_uri(found.thumbnail) if found.thumbnail else None,
        is_live=found.is_live,
        entries=entries,
        plan=_plan(found.plan) if found.HasField("plan") else None,
    )


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _plan(plan: processor_service_pb2.Plan) -> PlanView:
    fit = processor_service_pb2.Fit.Name(plan.fit).removeprefix("FIT_").lower()
    return PlanView(
        format_id=plan.format_id,
        estimated_size=plan.estimated_bytes or None,
        fit="unknown" if fit == "unspecified" else fit,
        limit=plan.limit_bytes,
        width=plan.width or None,
        height=plan.height or None,
        merges=plan.merges,
    )


def _seconds(span: Duration, known: bool) -> float | None:
    return span_s(span) if known else None
