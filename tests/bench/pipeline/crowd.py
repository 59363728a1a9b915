"""A hundred videos of 45 MB at once on 200 MB of memory, by the services as processes."""

from collections.abc import Sequence

from tests.bench.figure import Figure
from tests.fakes.clips import mp4_clip, padded
from tests.processes.crowd import Crowd, crowd

RUNS_COUNT = 5
COUNT = 100
VIDEO_BYTES = 45_000_000
TOTAL_BYTES = 200_000_000
WAYS = ("plain", "chunked")
"""Half of them do not say how large they are."""
WITHIN_S = 900.0


async def crowds() -> Sequence[Figure]:
    """Measure how many arrive, in how many runs, and what is held meanwhile."""
    video = padded(mp4_clip(is_faststart=False), VIDEO_BYTES)
    runs = [await _run(video) for _ in range(RUNS_COUNT)]
    name = f"P3: {COUNT} × {VIDEO_BYTES // 1_000_000} MB on {TOTAL_BYTES // 1_000_000} MB"
    return [
        Figure(f"{name}, files that arrived with every byte", [len(run.arrived_bytes) for run in runs], f"≥ {COUNT}"),
        Figure(f"{name}, most runs of a job", [run.attempts for run in runs], "≤ 1"),
        Figure(f"{name}, peak tmpfs ÷ limit", [run.held_bytes / TOTAL_BYTES for run in runs], "≤ 1.0"),
        Figure(f"{name}, MB per second", [sum(run.arrived_bytes) / 1e6 / run.seconds for run in runs]),
        Figure(f"{name}, share of a core of the site and of who looks", [run.client_share for run in runs]),
    ]


async def _run(video: bytes) -> Crowd:
    seen = await crowd(
        video, ways=WAYS, count=COUNT, total_bytes=TOTAL_BYTES, per_video_bytes=50_000_000, within_s=WITHIN_S
    )
    strays = [file_bytes for file_bytes in seen.arrived_bytes if file_bytes != VIDEO_BYTES]
    assert not strays, f"files of {strays} bytes arrived, not of {VIDEO_BYTES:,}"
    completed_count = seen.by_state.get("COMPLETED", 0)
    assert len(seen.arrived_bytes) == completed_count, f"{len(seen.arrived_bytes)} files of {completed_count} jobs"
    return seen
