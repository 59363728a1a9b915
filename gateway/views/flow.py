"""How much of a stage is done, how fast it goes, and how long the rest takes."""

import math
from typing import NamedTuple

from clipferry.queue.v1 import job_pb2


class Flow(NamedTuple):
    """Of the stage that runs now."""

    bytes_done: int
    bytes_total: int | None
    """None while the site has not said."""
    speed_bps: int | None
    """Bytes a second; None while nothing moves."""
    eta_seconds: int | None
    """Rest of the stage, in whole seconds; None when nobody can tell."""


NO_FLOW = Flow(0, None, None, None)
"""Of what does not run, or has not been heard of."""


def flow_of(progress: job_pb2.Progress) -> Flow:
    """Return the flow that `progress` tells of."""
    done, total, speed = progress.done_bytes, progress.total_bytes, progress.bytes_per_second
    has_end = speed > 0 and 0 < total >= done
    return Flow(done, total or None, speed or None, math.ceil((total - done) / speed) if has_end else None)
