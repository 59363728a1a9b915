"""From a job on the wire to the job that clients see."""

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from clipferry.queue.v1 import job_pb2
from gateway.rest_names import in_rest_names
from gateway.views.facts import facts
from gateway.views.flow import NO_FLOW, flow_of
from gateway.views.job_shape import (
    ErrorView,
    JobView,
    LinksView,
    MetadataView,
    ResultView,
    SubmittedView,
    UserInfoView,
    VideoDataView,
)
from gateway.views.moment import iso
from gateway.views.state import DOING, ENDED, RUNNING, STATUS_BY_STATE, stage_name
from services.chassis.wire import span_s, time_ms


def job_id(name: str) -> str:
    """Return the id in a resource name ``jobs/{id}``."""
    return name.removeprefix("jobs/")


def job_view(job: job_pb2.Job, root_path: str = "") -> JobView:
    """Return `job` for clients.

    Args:
        job: As the queue has it.
        root_path: Path below which the client reaches the gateway; empty: at the top.
    """
    identity = job_id(job.name)
    flow = flow_of(job.progress) if _has_progress_of_now(job) else NO_FLOW
    return JobView(
        id=identity,
        video_data=_video_data(job.spec),
        user_info=UserInfoView(job.owner),
        added_at=iso(time_ms(job.create_time)),
        status=STATUS_BY_STATE[job.state],
        progress=percent(job),
        estimated_size=job.estimated_bytes,
        title=job.media.title or job.progress.title or None,
        stage=stage_name(job),
        message=sentence(job),
        bytes_done=flow.bytes_done,
        bytes_total=flow.bytes_total,
        speed_bps=flow.speed_bps,
        eta_seconds=flow.eta_seconds,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        version=job.version,
        owner=job.owner,
        cancel_requested=job.cancel_requested,
        finish_requested=job.finish_requested,
        started_at=_moment(job, "start_time"),
        finished_at=_moment(job, "end_time"),
        next_attempt_at=_moment(job, "next_attempt_time"),
        error=error_view(job),
        result=result_of(job) if job.state in ENDED else None,
        links=LinksView(f"{root_path}/api/jobs/{identity}", f"job:{identity}"),
    )


def submitted_view(view: JobView, *, is_duplicate: bool) -> SubmittedView:
    """Return the job that answers a submit."""
    return SubmittedView(**msgspec.structs.asdict(view), duplicate=is_duplicate)


def _video_data(spec: job_pb2.JobSpec) -> VideoDataView:
    return VideoDataView(
        page_url=spec.url,
        kind="audio" if spec.kind == job_pb2.KIND_AUDIO else "video",
        format=spec.format or None,
        caption=spec.caption or None,
        destination=spec.destination or None,
        thread_id=spec.thread_id or None,
        playlist_item=spec.playlist_item or None,
        allow_live=spec.allow_live,
        max_duration=span_s(spec.max_duration) if spec.HasField("max_duration") else None,
        priority=spec.priority,
    )


def percent(job: job_pb2.Job) -> float:
    """Return how far a job is: 100 when completed, 0 when it waits."""
    if job.state == job_pb2.JOB_STATE_COMPLETED:
        return 100
    if job.state in (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RETRY_WAIT):
        return 0
    return round(job.progress.percent, 1)


def sentence(job: job_pb2.Job) -> str:
    """Return one line for people on where a job stands."""
    if job.error.message and job.state in (job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_RETRY_WAIT):
        return in_rest_names(job.error.message)
    if job.cancel_requested and job.state not in ENDED:
        return "Cancelling"
    if job.cancel_requested and job.state == job_pb2.JOB_STATE_COMPLETED:
        return "It was sent before it could be cancelled"
    if _has_progress_of_now(job):
        return job.progress.message or DOING[job.progress.stage]
    return _SENTENCES[job.state]


def _has_progress_of_now(job: job_pb2.Job) -> bool:
    """Return whether the progress is of what the job does now: once it is sent, that of the download is not."""
    is_of_now = job.state == job_pb2.JOB_STATE_PROCESSING or job.progress.stage == job_pb2.STAGE_SENDING
    return job.state in RUNNING and is_of_now and job.HasField("progress")


_SENTENCES = {
    job_pb2.JOB_STATE_UNSPECIFIED: "Waiting in queue",
    job_pb2.JOB_STATE_QUEUED: "Waiting in queue",
    job_pb2.JOB_STATE_PROCESSING: "Processing",
    job_pb2.JOB_STATE_SENDING: "Sending to Telegram",
    job_pb2.JOB_STATE_RETRY_WAIT: "Waiting for the next attempt",
    job_pb2.JOB_STATE_COMPLETED: "Video processed successfully in memory",
    job_pb2.JOB_STATE_FAILED: "The job failed",
    job_pb2.JOB_STATE_CANCELLED: "Cancelled",
}


def error_view(job: job_pb2.Job) -> ErrorView | None:
    """Return why a job or its last run failed; None when it did not."""
    if not job.HasField("error"):
        return None
    error = job.error
    return ErrorView(error.reason, in_rest_names(error.message), error.retryable, facts(error.metadata))


def result_of(job: job_pb2.Job) -> ResultView:
    """Return how an ended job ended."""
    ran_ms = time_ms(job.end_time) - time_ms(job.start_time) if job.HasField("start_time") else 0
    return ResultView(
        success=job.state == job_pb2.JOB_STATE_COMPLETED,
        message=sentence(job),
        processing_time=max(ran_ms, 0),
        metadata=_metadata(job),
        telegram_message_id=job.delivery.message_id or None,
        memory_processing=True,
        telegram_chat_id=job.delivery.chat_id or None,
    )


def _metadata(job: job_pb2.Job) -> MetadataView:
    media = job.media
    return MetadataView(
        title=media.title or None,
        duration=span_s(media.duration) if media.HasField("duration") else None,
        width=media.width or None,
        height=media.height or None,
        size=media.size_bytes or job.delivery.size_bytes or None,
        mime_type=media.mime_type or None,
        file_name=media.file_name or None,
        extractor=media.extractor or None,
    )


def _moment(job: job_pb2.Job, field: str) -> str | None:
    stamp: Timestamp = getattr(job, field)
    return iso(time_ms(stamp)) if job.HasField(field) else None
