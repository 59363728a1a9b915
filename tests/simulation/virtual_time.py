"""An event loop with the time of one busy process: work lasts as long as it takes, and waiting costs nothing."""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_START_MS = 1_800_000_000_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never waits: when there is nothing to do, its time jumps to what comes next.

    While there is something to do, its time moves by the CPU time that it takes, and by what it is told to `spend`. So
    whatever is to be done waits for what came before it, as in a process with one core of its own. There are no
    threads: what one would be given is done at once.

    Args:
        counts_cpu: Whether CPU time passes. Without it every run is the same.
    """

    def __init__(self, *, counts_cpu: bool = True) -> None:
        self._cpu_s = time.process_time if counts_cpu else float
        self._mark_s = self._cpu_s()
        self._passed_s = 0.0
        self._spent_s = 0.0
        self._is_aside = False
        self._was_idle = False
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._passed_s + self._spent_s + self._since_mark_s()

    @property
    def busy_s(self) -> float:
        """How much of its time it had something to do."""
        return self._spent_s + self._since_mark_s()

    def was_idle(self) -> bool:
        """Return whether there was nothing to do for a while since it was last asked."""
        was_idle, self._was_idle = self._was_idle, False
        return was_idle

    def spend(self, for_s: float) -> None:
        """Be busy with something that is not simulated."""
        self._spent_s += for_s

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let no time pass in the block: it is the simulation's own work."""
        if self._is_aside:
            yield
            return
        self._spent_s += self._since_mark_s()
        self._is_aside = True
        try:
            yield
        finally:
            self._is_aside = False
            self._mark_s = self._cpu_s()

    def run_in_executor(self, _executor: Any, func: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        """Do what a thread would be given, at once."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*arguments))
        except Exception as error:  # noqa: BLE001 - as a thread would hand it over
            done.set_exception(error)
        return done

    def _since_mark_s(self) -> float:
        return 0.0 if self._is_aside else self._cpu_s() - self._mark_s

    def _jump(self, by_s: float) -> None:
        self._passed_s += by_s
        self._was_idle |= by_s > 0


class _Jumping(selectors.DefaultSelector):
    """Hears of what is there, and jumps over the time in which nothing would be."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise AssertionError("everybody waits, and nothing will ever happen")
            self._jump(timeout)
        return found


class LoopClock:
    """A `services.chassis.clock.Clock` that tells a loop's time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def time_ms(self) -> int:
        return _START_MS + round(self._loop.time() * 1000)

    def monotonic_s(self) -> float:
        return self._loop.time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


def running_loop() -> VirtualLoop:
    """Return the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
