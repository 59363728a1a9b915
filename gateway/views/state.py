"""Names of states and stages as clients know them."""

from collections.abc import Mapping, Sequence

from clipferry.queue.v1 import job_pb2

STATUS_BY_STATE: Mapping[int, str] = {
    job_pb2.JOB_STATE_UNSPECIFIED: "queued",
    job_pb2.JOB_STATE_QUEUED: "queued",
    job_pb2.JOB_STATE_RETRY_WAIT: "queued",
    job_pb2.JOB_STATE_PROCESSING: "processing",
    job_pb2.JOB_STATE_SENDING: "processing",
    job_pb2.JOB_STATE_COMPLETED: "completed",
    job_pb2.JOB_STATE_FAILED: "failed",
    job_pb2.JOB_STATE_CANCELLED: "cancelled",
}

STATES_BY_STATUS: Mapping[str, Sequence[job_pb2.JobState]] = {
    "queued": (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RETRY_WAIT),
    "processing": (job_pb2.JOB_STATE_PROCESSING, job_pb2.JOB_STATE_SENDING),
    "completed": (job_pb2.JOB_STATE_COMPLETED,),
    "failed": (job_pb2.JOB_STATE_FAILED,),
    "cancelled": (job_pb2.JOB_STATE_CANCELLED,),
}

ENDED = frozenset({job_pb2.JOB_STATE_COMPLETED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED})
RUNNING = frozenset({job_pb2.JOB_STATE_PROCESSING, job_pb2.JOB_STATE_SENDING})
WAITING = frozenset({job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RETRY_WAIT})

STAGES: Mapping[int, str] = {
    number: name.removeprefix("STAGE_").lower() for name, number in job_pb2.Stage.items() if number != 0
}

DOING: Mapping[int, str] = {
    job_pb2.STAGE_UNSPECIFIED: "Processing",
    job_pb2.STAGE_WAITING: "Waiting in queue",
    job_pb2.STAGE_PROBING: "Looking at the page…",
    job_pb2.STAGE_DOWNLOADING: "Downloading…",
    job_pb2.STAGE_MUXING: "Preparing…",
    job_pb2.STAGE_TRANSCODING: "Re-encoding…",
    job_pb2.STAGE_SENDING: "Sending to Telegram…",
}
"""One line for people on each stage, for when the processor has not said one."""


def stage_name(job: job_pb2.Job) -> str | None:
    """Return what a job is doing; None when it has ended or nobody said."""
    if job.state in ENDED:
        return None
    if job.state in WAITING:
        return "waiting"
    if job.state == job_pb2.JOB_STATE_SENDING:
        return "sending"
    return STAGES.get(job.progress.stage)
