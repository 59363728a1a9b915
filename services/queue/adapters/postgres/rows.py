"""Changes as rows of the log and back."""

from collections.abc import Sequence
from typing import Any

from services.queue.core.job import State
from services.queue.core.ports import Change, Event

EVENT_COLUMNS = (*Event._fields, *Change._fields[1:])
_EVENT_COUNT = len(Event._fields)


def to_event_row(change: Change) -> Sequence[Any]:
    """Return the columns of `change`."""
    return (*change.event, *change[1:])


def to_change(row: Sequence[Any]) -> Change:
    """Return the change of a row."""
    version, state, *rest = row[_EVENT_COUNT:]
    return Change(Event._make(row[:_EVENT_COUNT]), version, State(state), *rest)
