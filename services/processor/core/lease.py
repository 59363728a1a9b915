"""When a lease ends, judged by the worker's own clock alone."""


class LeaseTerm:
    """The end of one lease, never judged later than the queue judges it by messages in order.

    This saves work that is lost anyway; what keeps a stale run from sending is the queue's answer to CommitSend.

    Args:
        ttl_s: How long a lease lasts.
        leased_at_s: When it was learnt. All instants are monotonic.
    """

    def __init__(self, ttl_s: float, leased_at_s: float) -> None:
        self._ttl_s = ttl_s
        self._renewed_at_s = leased_at_s
        self._earliest_renewal_at_s = leased_at_s
        self._sent_at_s: float | None = None

    @property
    def ends_at_s(self) -> float:
        """When the lease ends without a further renewal."""
        return self._renewed_at_s + self._ttl_s

    def beat(self, now_s: float) -> None:
        """Note that a beat goes out now."""
        if self._sent_at_s is None:
            self._sent_at_s = now_s

    def reconnected(self, now_s: float) -> None:
        """Note that a new stream begins now: what is answered on it was sent on it."""
        self._sent_at_s = now_s
        self._earliest_renewal_at_s = now_s

    def renewed(self, ttl_s: float) -> None:
        """Note a renewal of `ttl_s` seconds.

        It was made when a beat arrived that was sent after the renewal before, and not before a third of that one's
        time was gone: the later of the two bounds it from below.
        """
        sent_at_s = self._renewed_at_s if self._sent_at_s is None else self._sent_at_s
        self._renewed_at_s = max(self._renewed_at_s, sent_at_s, self._earliest_renewal_at_s)
        self._ttl_s = ttl_s
        self._earliest_renewal_at_s = self._renewed_at_s + ttl_s / 3
        self._sent_at_s = None
