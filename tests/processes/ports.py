"""Ports for real processes: the documented ones when nobody has them, else free ones."""

import fcntl
import random
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

DEFAULTS = {
    "PORT": 3000,
    "QUEUE_LISTEN_ADDRESS": 50051,
    "PROCESSOR_LISTEN_ADDRESS": 50052,
    "NOTIFIER_LISTEN_ADDRESS": 50053,
    "SANDBOX_BOT_API_PORT": 8081,
    "SANDBOX_SITE_PORT": 8082,
}
# Below the range that the kernel takes for outgoing connections.
_FREE = range(10_000, 32_000)


@contextmanager
def documented_ports() -> Iterator[dict[str, int]]:
    """Yield the documented ports if this run can have them all, else free ones.

    A lock keeps two runs of the tests on one machine from both taking the documented ones.
    """
    with ExitStack() as stack:
        lock = stack.enter_context((Path(tempfile.gettempdir()) / "clipferry-test-ports.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield free_ports(list(DEFAULTS))
            return
        yield DEFAULTS if all(map(_is_free, DEFAULTS.values())) else free_ports(list(DEFAULTS))


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Return a free port for each name."""
    found: dict[str, int] = {}
    while len(found) < len(names):
        port = random.choice(_FREE)
        if port not in found.values() and _is_free(port):
            found[names[len(found)]] = port
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
