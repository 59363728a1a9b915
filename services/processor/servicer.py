"""ProcessorService: what people and the gateway ask a processor."""

from collections.abc import Callable
from urllib.parse import urlsplit

from clipferry.processor.v1 import processor_service_pb2 as pb
from clipferry.processor.v1 import processor_service_pb2_grpc as pb_grpc
from clipferry.queue.v1 import job_pb2 as job_pb
from services.chassis.errors import ClipferryError, Reason, field_invalid
from services.chassis.wire import duration, span_s
from services.processor import wire
from services.processor.core.plan import Fit, Plan
from services.processor.core.probe import Prober
from services.processor.core.run import Entry
from services.processor.runs import Runs

_FITS = {
    Fit.UNKNOWN: pb.FIT_UNSPECIFIED,
    Fit.AS_IS: pb.FIT_AS_IS,
    Fit.SMALLER_FORMAT: pb.FIT_SMALLER_FORMAT,
    Fit.TRANSCODE: pb.FIT_TRANSCODE,
    Fit.TOO_LARGE: pb.FIT_TOO_LARGE,
}
_URL_LIMIT = 2048
_GRACE_LIMIT_S = 3600.0


class ProcessorServicer(pb_grpc.ProcessorServiceServicer):
    """Answers from what runs here.

    Args:
        memory: Returns the memory of this moment.
    """

    def __init__(
        self,
        runs: Runs,
        prober: Prober,
        *,
        worker_id: str,
        ytdlp_version: str,
        memory: Callable[[], job_pb.MemoryStats],
    ) -> None:
        self._runs = runs
        self._prober = prober
        self._worker_id = worker_id
        self._ytdlp_version = ytdlp_version
        self._memory = memory

    async def GetStatus(self, _request: pb.GetStatusRequest, _context: object) -> pb.GetStatusResponse:
        return pb.GetStatusResponse(
            worker_id=self._worker_id,
            slots_total=self._runs.slots,
            slots_busy=len(self._runs),
            memory=self._memory(),
            draining=self._runs.draining,
            ytdlp_version=self._ytdlp_version,
            job_names=[held.run.job_name for held in self._runs],
        )

    async def Drain(self, request: pb.DrainRequest, _context: object) -> pb.DrainResponse:
        grace_s = span_s(request.grace)
        if not 0 <= grace_s <= _GRACE_LIMIT_S:
            raise field_invalid("grace", f"must be 0 to {_GRACE_LIMIT_S:.0f} s", grace_s)
        drained = await self._runs.drain(grace_s)
        return pb.DrainResponse(finished_count=drained.finished_count, released_count=drained.released_count)

    async def ProbeUrl(self, request: pb.ProbeUrlRequest, _context: object) -> pb.ProbeUrlResponse:
        if self._runs.draining:
            raise ClipferryError(Reason.SHUTTING_DOWN)
        _check_url(request.spec.url)
        found, plan, thumbnail = await self._prober.probe(wire.fetch_request(request.spec))
        return pb.ProbeUrlResponse(
            title=found.title,
            extractor=found.extractor,
            duration=None if found.duration_s is None else duration(found.duration_s),
            thumbnail_url=found.thumbnail_url,
            entries=[_entry(entry) for entry in found.entries],
            plan=_plan(plan),
            is_live=found.is_live,
            thumbnail=thumbnail,
        )


def _check_url(url: str) -> None:
    if len(url) > _URL_LIMIT:
        raise field_invalid("spec.url", f"must be at most {_URL_LIMIT} characters", url, limit=_URL_LIMIT)
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        is_web = False
    if not is_web:
        raise field_invalid("spec.url", "must be an http or https URL", url)


def _entry(entry: Entry) -> pb.ProbeEntry:
    return pb.ProbeEntry(
        item=entry.item,
        title=entry.title,
        url=entry.url,
        duration=None if entry.duration_s is None else duration(entry.duration_s),
    )


def _plan(plan: Plan) -> pb.Plan:
    return pb.Plan(
        format_id=plan.format_id,
        estimated_bytes=plan.estimated_bytes,
        fit=_FITS[plan.fit],
        limit_bytes=plan.limit_bytes,
        width=plan.width,
        height=plan.height,
        merges=plan.merges,
    )
