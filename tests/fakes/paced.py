"""Whether messages kept their pace, told so that a machine that stands still for a while cannot change the answer."""

from collections.abc import Iterable

_ROUNDING_S = 0.001


def passed_early(at_s: Iterable[float], *, begun_at_s: float, distance_s: float) -> list[int]:
    """Return which messages, counted from 0, passed earlier than the pace allows: none, if it was kept.

    Each is measured from the beginning: number n may pass `distance_s` * n after it at the earliest. The distance of
    two neighbours says nothing, for the first of them may have been noted late.

    Args:
        at_s: When each was seen to pass, in order.
        begun_at_s: A time before the first had its turn.
    """
    return [n for n, each_s in enumerate(at_s) if each_s < begun_at_s + n * distance_s - _ROUNDING_S]
