"""Commands that start many processes: whoever ends them, with Ctrl-C or SIGTERM, ends all that they have started."""

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def end_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: by an exception, so that all blocks are left."""
    signal.signal(signal.SIGTERM, _end)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in an event loop of its own.

    Raises:
        SystemExit: At SIGTERM, which ends `main` where something is awaited: a program that is just being started is
            known to nobody yet.
    """
    try:
        return asyncio.run(_until_ended(main))
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is left to do is to end everything


async def _until_ended(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await main


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
