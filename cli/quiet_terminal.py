"""A terminal on which something is drawn again and again: what is typed there must not move it."""

import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_LOCAL_MODES = 3
"""Place of the local modes among what `tcgetattr` returns."""
_TERMINATED = 128 + signal.SIGTERM


@contextmanager
def quiet(fd: int) -> Iterator[None]:
    """Show nothing of what is typed at the terminal `fd` for the length of the block, also if a signal ends it.

    Ctrl-C works as ever. Where `fd` is no terminal, or somebody else has it, nothing happens.
    """
    if not _is_ours(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    silent = termios.tcgetattr(fd)
    silent[_LOCAL_MODES] &= ~(termios.ECHO | termios.ECHONL)
    handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    termios.tcsetattr(fd, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _is_ours(fd: int) -> bool:
    """Return whether this process may change the terminal: one in the background would be stopped for it."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Unwind, so that the terminal is as it was."""
    raise SystemExit(_TERMINATED)
