"""The port to whatever counts, and the error of what is one too many."""

from typing import Protocol

from gateway.limits.gcra import Rate, Verdict
from services.chassis.errors import ClipferryError, Reason


class Limiter(Protocol):
    """Counts for any number of keys."""

    async def take(self, key: str, rate: Rate) -> Verdict:
        """Count one request of `key` and say whether it is admitted; a refused one does not count.

        Keys of different rates do not meet.
        """

    def refusal(self, key: str, rate: Rate) -> Verdict | None:
        """Return the verdict if one more would be refused, as far as this gateway knows, and count nothing."""


def too_many(said: Verdict, who: str) -> ClipferryError:
    """Return the error of a refused request.

    Args:
        said: What was said of it.
        who: Whose limit it is, as the subject of a sentence: ``"The user 'ann'"``.
    """
    rate = said.rate
    return ClipferryError(
        Reason.TOO_MANY_REQUESTS,
        f"{who} may do this {rate.burst} times at once and {rate.per_min} times a minute ({rate.name});"
        f" the next is admitted in {said.next_s:.1f} s.",
        retry_after_s=said.next_s,
        limit_per_min=rate.per_min,
        burst=rate.burst,
    )
