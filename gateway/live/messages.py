"""What the gateway says over /ws. The Node system's fields keep their names; ours stand beside them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.views.job_shape import ErrorView, JobView, ResultView
from gateway.views.memory import MemoryView
from gateway.views.stats import StatsView

PROTOCOL = "clipferry.v1"


class Said(msgspec.Struct, rename="camel", frozen=True):
    """Anything the gateway says."""

    type: str
    timestamp: str
    """When it was said, as JavaScript writes it."""


class JobChange(Said, frozen=True):
    """``job:queued``, ``job:started`` or ``job:retrying``."""

    job_id: str
    status: str
    stage: str | None
    progress: float
    message: str
    version: int
    attempt: int
    cursor: int
    job: JobView


class JobProgress(Said, frozen=True):
    """``job:progress``. The latest wins; it never falls within an attempt."""

    job_id: str
    progress: float
    """Percent of the whole run."""
    message: str
    version: int
    attempt: int
    cursor: int
    stage: str | None
    bytes_done: int = 0
    """Bytes moved in this stage."""
    bytes_total: int | None = None
    speed_bps: int | None = None
    """Bytes a second."""
    eta_seconds: int | None = None
    """Rest of this stage."""
    cancel_requested: bool = False
    title: str | None = None
    """What the site calls the video; null until it has said."""


class JobFinished(Said, frozen=True):
    """``job:finished``: once per ended job, and nothing of the job after it."""

    job_id: str
    status: str
    """completed, failed or cancelled."""
    result: ResultView
    error: ErrorView | None
    version: int
    attempt: int
    cursor: int
    job: JobView


class QueueStats(Said, frozen=True):
    """``queue:stats``: of the own jobs; for an admin of all."""

    queued: int
    processing: int
    memory_usage: str
    """For people: ``45 MB``."""
    stats: StatsView


class QueueHealth(Said, frozen=True):
    """``queue:health``: to everybody, when the queue can no longer be reached, and when it can again."""

    reachable: bool
    """False: nothing is heard of jobs meanwhile; what was missed follows once it is true again."""


class MemoryStats(MemoryView, kw_only=True, rename="camel", frozen=True):
    """``memory:stats``: the statistics themselves, and once more whole under `stats`, as in ``queue:stats``."""

    type: str
    timestamp: str
    stats: MemoryView


class Heartbeat(msgspec.Struct, rename="camel", frozen=True):
    """The intervals a client can rely on."""

    interval_ms: int
    """Between two pings."""
    timeout_ms: int
    """After a ping, until something must have come from the client: a pong, a frame's pong, or anything else."""


class Limits(msgspec.Struct, rename="camel", frozen=True):
    """What a connection may do."""

    max_subscriptions: int
    max_message_bytes: int
    max_updates_per_second: int
    """Of one job's progress."""
    max_commands_per_minute: int
    max_connections: int
    """Of the user; for one more the oldest is closed."""


class Welcome(Said, frozen=True):
    """``welcome``: the token was accepted."""

    id: str | int | None
    protocol: int
    connection_id: str
    server_time: str
    token_expires_at: str
    user: str
    queue_reachable: bool
    """False: snapshots may be missing; see `queue:health`."""
    heartbeat: Heartbeat
    limits: Limits


class Subscribed(Said, frozen=True):
    """``subscribed``: the state of the channel now; what follows is newer."""

    id: str | int | None
    channel: str
    cursor: int
    snapshot: Any
    """`jobs`: a JobsSnapshot; `job:<id>`: a JobSnapshot; `queue`: a QueueStats; `memory`: a MemoryStats. Null when the
    queue did not answer in time: live messages come all the same, and the state once it can be had."""


class Unsubscribed(Said, frozen=True):
    """``unsubscribed``: as was asked, or because the connection may not hear the channel any more."""

    id: str | int | None
    channel: str


class TokenRefreshed(Said, frozen=True):
    """``token:refreshed``."""

    id: str | int | None
    token_expires_at: str


class Beat(Said, frozen=True):
    """``ping`` or ``pong``."""

    id: str | int | None
    server_time: str


class Refused(Said, frozen=True):
    """``error``: a command that was not carried out."""

    id: str | int | None
    code: str
    """One of the [reasons](docs#reasons)."""
    message: str
    temporary: bool
    """Whether the same command may help later."""


class GoAway(Said, frozen=True):
    """``goaway``: the connection is about to be closed."""

    reason: str
    """For people."""
    reconnect_after_ms: int
    """When to come back; it differs from client to client."""


SPOKEN: Mapping[str, type[msgspec.Struct]] = {
    "welcome": Welcome,
    "subscribed": Subscribed,
    "unsubscribed": Unsubscribed,
    "token:refreshed": TokenRefreshed,
    "ping": Beat,
    "pong": Beat,
    "error": Refused,
    "goaway": GoAway,
    "job:queued": JobChange,
    "job:started": JobChange,
    "job:retrying": JobChange,
    "job:progress": JobProgress,
    "job:finished": JobFinished,
    "queue:stats": QueueStats,
    "queue:health": QueueHealth,
    "memory:stats": MemoryStats,
}
"""Every `type` that there is, and what a message of it holds."""
