"""Limits that one process keeps."""

from gateway.limits.gcra import Rate, Verdict, due_after, verdict
from services.chassis.clock import Clock

_SWEPT_COUNT = 10_000


class MemoryLimiter:
    """Counts in memory: exact for one process, and forgotten with it. See `gateway.limits.limiter.Limiter`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_us: dict[tuple[str, str], int] = {}
        self._sweep_at_count = _SWEPT_COUNT

    async def take(self, key: str, rate: Rate) -> Verdict:
        return self.take_now(key, rate)

    def take_now(self, key: str, rate: Rate) -> Verdict:
        """Do as `take` does, without waiting."""
        now_us, place = self.now_us(), (rate.name, key)
        known_us = self._due_us.get(place, 0)
        after_us = due_after(known_us, now_us, rate)
        if after_us is not None:
            self._keep(place, after_us, now_us)
        return verdict(known_us if after_us is None else after_us, now_us, rate, is_admitted=after_us is not None)

    def now_us(self) -> int:
        """Return the time that it counts by, in microseconds since 1970."""
        return self._clock.time_ms() * 1000

    def refusal(self, key: str, rate: Rate) -> Verdict | None:
        now_us, known_us = self.now_us(), self._due_us.get((rate.name, key), 0)
        return None if due_after(known_us, now_us, rate) else verdict(known_us, now_us, rate, is_admitted=False)

    def learn(self, key: str, rate: Rate, due_us: int) -> None:
        """Keep what somebody else counted, if it is more."""
        place = (rate.name, key)
        self._keep(place, max(due_us, self._due_us.get(place, 0)), self.now_us())

    def _keep(self, place: tuple[str, str], due_us: int, now_us: int) -> None:
        self._due_us[place] = due_us
        if len(self._due_us) >= self._sweep_at_count:
            # Whose requests are worked off is as good as new. At twice the rest, so that it costs nothing on average.
            self._due_us = {each: due for each, due in self._due_us.items() if due > now_us}
            self._sweep_at_count = max(_SWEPT_COUNT, 2 * len(self._due_us))
