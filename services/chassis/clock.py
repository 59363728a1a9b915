"""Time, so that tests can hold it in their hands."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time, and the only way to wait for it to pass."""

    def time_ms(self) -> int:
        """Return the wall-clock time in milliseconds since 1970."""

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary moment; never falls."""

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds."""


class SystemClock:
    """The machine's clock."""

    def time_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
