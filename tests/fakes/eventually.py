"""Waiting for what another process or task will do: a look every few milliseconds, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_LOOK_EVERY_S = 0.02


async def eventually(
    look: Callable[[], Awaitable[T]],
    *,
    within_s: float = 20.0,
    what: str = "the condition",
    look_every_s: float = _LOOK_EVERY_S,
) -> T:
    """Call `look` until what it returns is true, and return that.

    Raises:
        AssertionError: If it never is, with what it returned last.
    """
    deadline_at_s = time.monotonic() + within_s
    while not (value := await look()):
        assert time.monotonic() < deadline_at_s, f"{what}: not within {within_s:g} s; last: {value!r}"
        await asyncio.sleep(look_every_s)
    return value
