"""Protobuf messages to what the core speaks of, and back."""

from clipferry.notifier.v1 import notifier_service_pb2 as notifier_pb
from clipferry.queue.v1 import job_pb2 as job_pb
from clipferry.queue.v1 import worker_service_pb2 as worker_pb
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.chassis.wire import duration, span_s, timestamp
from services.processor.core.run import FetchRequest, Header, MediaKind, MediaSummary, Progress, Receipt, Run, Stage

_KINDS = {MediaKind.VIDEO: job_pb.KIND_VIDEO, MediaKind.AUDIO: job_pb.KIND_AUDIO}
_STAGES = {
    Stage.PROBING: job_pb.STAGE_PROBING,
    Stage.DOWNLOADING: job_pb.STAGE_DOWNLOADING,
    Stage.MUXING: job_pb.STAGE_MUXING,
    Stage.TRANSCODING: job_pb.STAGE_TRANSCODING,
    Stage.SENDING: job_pb.STAGE_SENDING,
}


def fetch_request(spec: job_pb.JobSpec) -> FetchRequest:
    """Return what `spec` asks to fetch."""
    return FetchRequest(
        url=spec.url,
        kind=MediaKind.AUDIO if spec.kind == job_pb.KIND_AUDIO else MediaKind.VIDEO,
        format=spec.format,
        referer=spec.referer,
        user_agent=spec.user_agent,
        playlist_item=spec.playlist_item,
        allow_live=spec.allow_live,
        max_duration_s=span_s(spec.max_duration) if spec.HasField("max_duration") else None,
        max_bytes=spec.max_bytes,
    )


def run(leased: worker_pb.LeasedJob) -> Run:
    """Return a run that was assigned."""
    spec = leased.job.spec
    return Run(
        job_name=leased.lease.job_name,
        token=leased.lease.token,
        attempt=leased.job.attempt,
        timeout_s=span_s(leased.run_timeout),
        reserved_bytes=leased.reserved_bytes,
        destination=spec.destination,
        thread_id=spec.thread_id,
        caption=spec.caption,
        fetch=fetch_request(spec),
        was_finished=leased.job.finish_requested,
        traceparent=leased.job.traceparent,
    )


def lease(of: Run) -> worker_pb.Lease:
    """Return the identity of a run."""
    return worker_pb.Lease(job_name=of.job_name, token=of.token)


def progress(seen: Progress, clock: Clock) -> job_pb.Progress:
    """Return progress seen now."""
    return job_pb.Progress(
        stage=_STAGES[seen.stage],
        done_bytes=seen.done_bytes,
        total_bytes=seen.total_bytes,
        bytes_per_second=seen.bytes_per_second,
        observe_time=timestamp(clock.time_ms()),
        percent=seen.percent,
        message=seen.message,
        title=seen.title,
    )


def media(summary: MediaSummary) -> job_pb.Media:
    """Return what the queue keeps of a job's media."""
    return job_pb.Media(
        title=summary.title,
        duration=None if summary.duration_s is None else duration(summary.duration_s),
        width=summary.width,
        height=summary.height,
        size_bytes=summary.size_bytes,
        mime_type=summary.mime_type,
        file_name=summary.file_name,
        extractor=summary.extractor,
    )


def receipt(delivery: job_pb.Delivery) -> Receipt:
    """Return where a job's message is."""
    return Receipt(
        chat_id=delivery.chat_id,
        message_id=delivery.message_id,
        file_id=delivery.file_id,
        size_bytes=delivery.size_bytes,
    )


def delivery(of: Receipt) -> job_pb.Delivery:
    """Return where a job's message is, for the wire."""
    return job_pb.Delivery(chat_id=of.chat_id, message_id=of.message_id, file_id=of.file_id, size_bytes=of.size_bytes)


def failure(of: Run, error: ClipferryError, *, not_sent: bool) -> worker_pb.FailJobRequest:
    """Return the move that tells of a failed run."""
    return worker_pb.FailJobRequest(
        lease=lease(of),
        error=job_pb.JobError(
            reason=error.reason.name,
            message=error.message,
            retryable=error.reason.retryable and not _is_final(of, error),
            metadata=error.metadata,
        ),
        retry_after=None if error.retry_after_s is None else duration(error.retry_after_s),
        not_sent=not_sent,
    )


def _is_final(of: Run, error: ClipferryError) -> bool:
    """Tell a site that still asks to slow down after it was given its time: every further run makes it worse."""
    return error.reason is Reason.RATE_LIMITED and of.attempt > 1


def video_header(header: Header) -> notifier_pb.VideoHeader:
    """Return the first message of an upload."""
    return notifier_pb.VideoHeader(
        idempotency_key=header.run.job_name,
        lease=lease(header.run),
        destination=header.run.destination,
        file_name=header.file_name,
        mime_type=header.mime_type,
        size_bytes=header.size_bytes,
        caption=header.caption,
        duration=None if header.duration_s is None else duration(header.duration_s),
        width=header.width,
        height=header.height,
        thumbnail=header.thumbnail,
        kind=_KINDS[header.kind],
        title=header.title,
        performer=header.performer,
        thread_id=header.run.thread_id,
    )
