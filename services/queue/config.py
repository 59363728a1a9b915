"""Settings of the queue."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from services.chassis.settings import Settings
from services.queue.adapters.backend import POSTGRES, SQLITE

_ROUNDING_S = 1e-6
_POSTGRES_TOO = "postgres://"
"""What many hosters write."""


class QueueSettings(Settings):
    """What the queue can be told."""

    listen_address: str = Field("127.0.0.1:50051", validation_alias="QUEUE_LISTEN_ADDRESS", min_length=3)
    """``host:port`` to serve gRPC on; port 0 picks a free one. Default 127.0.0.1:50051."""

    database_url: SecretStr = Field(SecretStr("sqlite:///var/queue.db"), validation_alias="DATABASE_URL")
    """Where jobs are kept: ``sqlite:///`` and a path on a local disk, for one queue; or
    ``postgresql://user:password@host:port/name``, for any number of queues. Default sqlite:///var/queue.db."""

    max_queue_size: int = Field(50, validation_alias="MAX_QUEUE_SIZE", ge=1)
    """Most jobs that wait at once, those that wait for another run included. At least 1. Default 50."""

    queue_timeout_ms: int = Field(600_000, validation_alias="QUEUE_TIMEOUT", ge=1_000)
    """Longest run of a job, in milliseconds. At least 1000. Default 600000 (10 minutes)."""

    worker_spawn_delay_ms: int = Field(1_000, validation_alias="WORKER_SPAWN_DELAY", ge=0)
    """Least time between two jobs given to one worker, in milliseconds. 0: none. Default 1000."""

    auto_cleanup_interval_ms: int = Field(300_000, validation_alias="AUTO_CLEANUP_INTERVAL", ge=100)
    """Time between two looks for jobs that may be forgotten, in milliseconds. At least 100. Default 300000."""

    job_retention_ms: int = Field(3_600_000, validation_alias="JOB_RETENTION", ge=1000)
    """How long ended jobs are kept, in milliseconds. At least 1000. Default 3600000 (1 hour)."""

    event_log_count: int = Field(200_000, validation_alias="EVENT_LOG_COUNT", ge=1)
    """Newest events that are kept for watchers that come back. At least 1. Default 200000."""

    lease_ttl_s: float = Field(30.0, validation_alias="LEASE_TTL_S", ge=0.3, le=3_600)
    """Seconds that a worker may be silent before its jobs are given to another. 0.3 to 3600. Default 30."""

    beat_interval_s: float = Field(10.0, validation_alias="BEAT_INTERVAL_S", ge=0.1, le=1_200)
    """Seconds between two signs of life of a worker; at most a third of LEASE_TTL_S. Default 10."""

    reap_interval_s: float = Field(5.0, validation_alias="REAP_INTERVAL_S", ge=0.05, le=600)
    """Seconds between two looks for silent workers, give or take a fifth. 0.05 to 600. Default 5."""

    max_attempts: int = Field(3, validation_alias="MAX_ATTEMPTS", ge=1, le=100)
    """Runs granted to a job before it fails for good, not counting those that were handed back or put off by Telegram.
    1 to 100. Default 3."""

    retry_backoff_s: float = Field(15.0, validation_alias="RETRY_BACKOFF_S", ge=0, le=900)
    """Seconds before the second run; four times as long before each further one, 15 minutes at most. Default 15."""

    max_per_owner_queued: int = Field(0, validation_alias="MAX_PER_OWNER_QUEUED", ge=0)
    """Most jobs of one owner that wait at once. 0: unlimited. Default 0."""

    max_per_owner_running: int = Field(0, validation_alias="MAX_PER_OWNER_RUNNING", ge=0)
    """Most jobs of one owner that run at once; further ones wait their turn. 0: unlimited. Default 0."""

    max_running: int = Field(0, validation_alias="MAX_RUNNING", ge=0)
    """Most jobs that run at once, over all processors. 0: as many as they have slots. Default 0."""

    watch_max_age_s: float = Field(240.0, validation_alias="WATCH_MAX_AGE_S", ge=0.1, le=280)
    """Seconds, give or take an eighth, after which a watch ends by itself, so that watchers find new replicas.
    0.1 to 280, under the 300 after which connections are closed. Default 240."""

    work_max_age_s: float = Field(240.0, validation_alias="WORK_MAX_AGE_S", ge=0.1, le=280)
    """The same for a worker's stream. Default 240."""

    stats_interval_s: float = Field(30.0, validation_alias="STATS_INTERVAL_S", ge=0.05, le=3_600)
    """Most seconds between two pushes of the statistics. 0.05 to 3600. Default 30."""

    event_batch_ms: float = Field(3.0, validation_alias="EVENT_BATCH_MS", ge=0, le=1_000)
    """Milliseconds for which events of a busy queue are gathered into one message. 0 to 1000. Default 3."""

    @field_validator("database_url")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url.startswith(_POSTGRES_TOO):
            url = POSTGRES + url.removeprefix(_POSTGRES_TOO)
        if _is_postgres(url):
            return SecretStr(url)
        if not url.startswith(SQLITE) or url.removeprefix(SQLITE) in ("", ":memory:"):
            raise ValueError(
                f"must be {SQLITE} and the path of a file, such as {SQLITE}var/queue.db, "
                f"or {POSTGRES}user:password@host:port/name"
            )
        return value

    @model_validator(mode="after")
    def _beats_fit_the_lease(self) -> "QueueSettings":
        if self.beat_interval_s > self.lease_ttl_s / 3 + _ROUNDING_S:
            raise ValueError(
                f"BEAT_INTERVAL_S={self.beat_interval_s:g} must be at most a third of LEASE_TTL_S={self.lease_ttl_s:g}"
            )
        return self


def _is_postgres(url: str) -> bool:
    try:
        return url.startswith(POSTGRES) and len(url) > len(POSTGRES) and urlsplit(url).port != 0
    except ValueError:  # the port is no number
        return False
