"""Settings of the processor."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from services.chassis.settings import Settings
from services.processor.adapters.addresses import parse_allow_list


class ProcessorSettings(Settings):
    """What the processor can be told."""

    listen_address: str = Field("127.0.0.1:50052", validation_alias="PROCESSOR_LISTEN_ADDRESS", min_length=3)
    """``host:port`` to serve gRPC on; port 0 picks a free one. Default 127.0.0.1:50052."""

    queue_target: str = Field("127.0.0.1:50051", validation_alias="QUEUE_TARGET", min_length=3)
    """Where the queue is: ``host:port`` or ``dns:///host:port``. Default 127.0.0.1:50051."""

    notifier_target: str = Field("127.0.0.1:50053", validation_alias="NOTIFIER_TARGET", min_length=3)
    """Where the notifier is: ``host:port`` or ``dns:///host:port``. Default 127.0.0.1:50053."""

    max_concurrent_downloads: int = Field(3, validation_alias="MAX_CONCURRENT_DOWNLOADS", ge=1, le=10)
    """Jobs that run at once. 1 to 10. Default 3."""

    max_memory_per_video: int = Field(52_428_800, validation_alias="MAX_MEMORY_PER_VIDEO", ge=1)
    """Most bytes of one finished video. At least 1. Default 52428800 (50 MiB)."""

    max_total_memory: int = Field(209_715_200, validation_alias="MAX_TOTAL_MEMORY", ge=1)
    """Most bytes that all jobs hold together; at least MAX_MEMORY_PER_VIDEO. Default 209715200 (200 MiB)."""

    memory_warning_threshold: float = Field(80, validation_alias="MEMORY_WARNING_THRESHOLD", ge=50, le=95)
    """Percent of MAX_TOTAL_MEMORY above which a warning is written. 50 to 95. Default 80."""

    memory_log_interval_ms: int = Field(30_000, validation_alias="MEMORY_LOG_INTERVAL", ge=10)
    """Milliseconds between two lines on memory while any is held, and between two looks for orphans.
    At least 10. Default 30000."""

    memory_processing: bool = Field(True, validation_alias="MEMORY_PROCESSING")
    """Whether video is kept in memory only. Must be true: there is no other way here. Default true."""

    auto_memory_cleanup: bool = Field(True, validation_alias="AUTO_MEMORY_CLEANUP")
    """Whether memory held for jobs that do not run any more is freed by itself. Default true."""

    debug_memory: bool = Field(False, validation_alias="DEBUG_MEMORY")
    """Whether each change of what a job holds writes a line. Default false."""

    tmpfs_dir: Path = Field(Path("/dev/shm/clipferry"), validation_alias="TMPFS_DIR")  # noqa: S108 - memory, on purpose
    """Directory on tmpfs or ramfs that videos are held in. Default /dev/shm/clipferry."""

    egress_allow: str = Field("", validation_alias="EGRESS_ALLOW")
    """``host:port``, separated by commas, that may be reached although their address is private. Default: none."""

    telegram_limit_bytes: int = Field(50_000_000, validation_alias="TELEGRAM_LIMIT_BYTES", ge=1, le=2_000_000_000)
    """Most bytes Telegram takes: 50,000,000 in the cloud, 2,000,000,000 on a local Bot API server.
    Default 50000000."""

    stall_s: float = Field(120.0, validation_alias="STALL_S", ge=0.1, le=3_600)
    """Seconds without a byte after which a download is given up. 0.1 to 3600. Default 120."""

    socket_timeout_s: float = Field(20.0, validation_alias="SOCKET_TIMEOUT_S", ge=0.1, le=600)
    """Seconds that a site may take for one answer. 0.1 to 600. Default 20."""

    download_cpu_s: int = Field(600, validation_alias="DOWNLOAD_CPU_S", ge=1, le=86_400)
    """Seconds of CPU time that one downloader may burn. 1 to 86400. Default 600."""

    download_data_bytes: int = Field(805_306_368, validation_alias="DOWNLOAD_DATA_BYTES", ge=134_217_728)
    """Most bytes of memory of one downloader beside its files. At least 128 MiB. Default 805306368 (768 MiB)."""

    transcode_timeout_s: float = Field(540.0, validation_alias="TRANSCODE_TIMEOUT_S", ge=1, le=86_400)
    """Seconds that re-encoding one video may take; keep it below QUEUE_TIMEOUT. 1 to 86400. Default 540."""

    transcode_cpu_s: int = Field(900, validation_alias="TRANSCODE_CPU_S", ge=1, le=86_400)
    """Seconds of CPU time that re-encoding one video may burn. 1 to 86400. Default 900."""

    page_max_bytes: int = Field(67_108_864, validation_alias="PAGE_MAX_BYTES", ge=1_048_576)
    """Most bytes that are read of a page, its playlists and what else is asked before a download begins.
    At least 1 MiB. Default 67108864 (64 MiB)."""

    page_timeout_s: float = Field(120.0, validation_alias="PAGE_TIMEOUT_S", ge=0.1, le=3_600)
    """Seconds that looking at a page may take before a download begins. 0.1 to 3600. Default 120."""

    concurrent_fragments: int = Field(4, validation_alias="CONCURRENT_FRAGMENTS", ge=1, le=16)
    """Pieces of one segmented stream that are fetched at once. 1 to 16. Default 4."""

    probe_slots: int = Field(1, validation_alias="PROBE_SLOTS", ge=1, le=10)
    """Pages that are looked at at once without a job. 1 to 10. Default 1."""

    probe_wait_s: float = Field(5.0, validation_alias="PROBE_WAIT_S", ge=0, le=60)
    """Seconds that a probe waits for its slot. 0 to 60. Default 5."""

    probe_timeout_s: float = Field(30.0, validation_alias="PROBE_TIMEOUT_S", ge=0.1, le=300)
    """Seconds that a probe may take once it has a slot. 0.1 to 300. Default 30."""

    progress_interval_ms: int = Field(100, validation_alias="PROGRESS_INTERVAL_MS", ge=1, le=10_000)
    """Least milliseconds between two progress messages of one job; the first of a quiet job goes at once.
    1 to 10000. Default 100."""

    upload_part_bytes: int = Field(524_288, validation_alias="UPLOAD_PART_BYTES", ge=65_536, le=524_288)
    """Most bytes in each message to the notifier; on a slow line they are smaller. 65536 to 524288. Default 524288."""

    send_answer_timeout_s: float = Field(180.0, validation_alias="SEND_ANSWER_TIMEOUT_S", ge=0.1, le=3_600)
    """Seconds to wait for Telegram's answer after the last byte; keep it above the notifier's own limit.
    0.1 to 3600. Default 180."""

    telegram_min_bytes_per_s: int = Field(500_000, validation_alias="TELEGRAM_MIN_BYTES_PER_S", ge=1_000)
    """Slowest work on a file, in bytes per second: its answer may take so much longer than SEND_ANSWER_TIMEOUT_S.
    The same as at the notifier. At least 1,000. Default 500,000."""

    @field_validator("memory_processing")
    @classmethod
    def _is_in_memory(cls, value: bool) -> bool:
        if not value:
            raise ValueError("must be true: clipferry never writes video to a disk, so there is nothing to switch to")
        return value

    @model_validator(mode="after")
    def _one_video_fits(self) -> Self:
        if self.max_total_memory < self.max_memory_per_video:
            raise ValueError(
                f"MAX_TOTAL_MEMORY={self.max_total_memory} must be at least "
                f"MAX_MEMORY_PER_VIDEO={self.max_memory_per_video}"
            )
        return self

    @field_validator("egress_allow")
    @classmethod
    def _is_a_list_of_targets(cls, value: str) -> str:
        parse_allow_list(value)
        return value
