"""Cursors into the log of changes."""

from services.chassis.errors import ClipferryError, Reason


def check_cursor(after: int, *, first: int | None, last: int) -> None:
    """Check that the log can be read on from `after`.

    Args:
        after: Sequence of the event that was seen last.
        first: Of the oldest event that is kept; None when none is.
        last: Of the newest event that there ever was.

    Raises:
        ClipferryError: CURSOR_EXPIRED when the log does not reach back to `after`, or never reached it.
    """
    oldest = last if first is None else first - 1
    if not oldest <= after <= last:
        raise ClipferryError(
            Reason.CURSOR_EXPIRED,
            f"The cursor {after} is not in the log, which reaches from {oldest} to {last}; list again.",
            after_sequence=after,
            oldest_sequence=oldest,
            newest_sequence=last,
        )
