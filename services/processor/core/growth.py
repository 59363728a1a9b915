"""How much memory a download needs by now, which may be more than its site has said."""

from services.processor.core.plan import Fit, Limits, Plan
from services.processor.core.run import FetchStage, Moved

_AHEAD_DIVISOR = 16
"""Beyond what it needs, a download is given this part of it: what is announced leaves out heads and padding."""


def wanted_memory(moved: Moved, plan: Plan, limits: Limits, *, held_bytes: int) -> int:
    """Return the bytes that a run should hold for a download that is at `moved`; never less than it holds.

    A site that has said too little once is not believed again: its video is as large as what it announces by now, or
    as may be. Streams that will be merged are needed once more for the result.
    """
    copies = 2 if plan.merges and moved.stage is FetchStage.DOWNLOADING else 1
    needed_bytes = moved.tmpfs_bytes
    if copies == 2:
        needed_bytes += min(moved.tmpfs_bytes, plan.limit_bytes)
    if needed_bytes <= held_bytes and not moved.is_held_up:
        return held_bytes
    wanted_bytes = max(copies * _likely_bytes(moved, plan), needed_bytes)
    if wanted_bytes <= held_bytes:
        wanted_bytes = copies * plan.limit_bytes
    # What is only expected never makes a run impossible; what lies on tmpfs may.
    return max(min(wanted_bytes, limits.total_bytes), moved.tmpfs_bytes, held_bytes)


def _likely_bytes(moved: Moved, plan: Plan) -> int:
    likely_bytes = moved.total_bytes + moved.total_bytes // _AHEAD_DIVISOR
    return min(likely_bytes, plan.limit_bytes) if likely_bytes > moved.tmpfs_bytes else plan.limit_bytes


def allowed_bytes(held_bytes: int, plan: Plan) -> int | None:
    """Return what a download may hold on tmpfs for a run that holds so much; None when its own limit is enough.

    A re-encoding takes in far more than it keeps, and what it keeps has a limit.
    """
    copies = 2 if plan.merges else 1
    if plan.fit is Fit.TRANSCODE or held_bytes >= copies * plan.limit_bytes:
        return None
    return held_bytes // copies
