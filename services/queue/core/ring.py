"""The newest events, for watchers who are a little behind."""

from collections.abc import Sequence

from services.chassis.errors import ClipferryError, Reason
from services.queue.core.ports import Event


class Ring:
    """The end of the log.

    Args:
        sequence: Of the newest event so far.
        count: Events that are kept at least, once there were so many; at most twice as many are.
    """

    def __init__(self, *, sequence: int, count: int) -> None:
        self.last_sequence = sequence
        self._count = count
        self._events: list[Event] = []

    @property
    def first_cursor(self) -> int:
        """The oldest cursor that can be served."""
        return self._events[0].sequence - 1 if self._events else self.last_sequence

    def add(self, events: Sequence[Event]) -> bool:
        """Take in the next events; returns False when there is a gap before them. Then none before it are kept."""
        is_next = events[0].sequence == self.last_sequence + 1
        if not is_next:
            self._events.clear()
        self._events.extend(events)
        if len(self._events) > 2 * self._count:
            del self._events[: -self._count]
        self.last_sequence = events[-1].sequence
        return is_next

    def after(self, sequence: int) -> Sequence[Event]:
        """Return the events after `sequence`.

        Raises:
            ClipferryError: SLOW_CONSUMER when some of them are not kept any more.
        """
        start = sequence - self.first_cursor
        if start < 0:
            raise fell_off(sequence)
        return self._events[start:]


def fell_off(sequence: int) -> ClipferryError:
    """Return the error for a watcher that has read up to `sequence` and was too slow for the next."""
    return ClipferryError(Reason.SLOW_CONSUMER, after_sequence=sequence, retry_after_s=0.0)
