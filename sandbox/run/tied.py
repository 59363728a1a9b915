"""``python -m sandbox.run.tied MODULE``: become a program that ends when whoever started it is gone."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends. It holds across exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Tie this process to its parent and become the module."""
    parent = os.getppid()
    end_with_parent()
    if os.getppid() != parent:
        sys.exit("clipferry: the supervisor has gone already.")
    os.execv(sys.executable, [sys.executable, "-m", sys.argv[1]])  # noqa: S606 - one of our own modules


if __name__ == "__main__":
    main()
