"""A run of clipferry on this machine: the only one of its directory, and found there by other commands."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.chassis.lifecycle import StartError
from services.chassis.running import STATE, read_state

_LOCK = "lock"


@contextlib.contextmanager
def only_run(run_dir: Path) -> Iterator[None]:
    """Be the only run of this directory for the length of the block.

    Raises:
        StartError: If there is another, saying where.
    """
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(run_dir / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(_already(run_dir)) from None
        yield
    finally:
        os.close(fd)


def _already(run_dir: Path) -> str:
    running = read_state(run_dir)
    if running is None:
        return "clipferry is already being started here; stop it with Ctrl-C in its terminal."
    return (
        f"clipferry already runs here (pid {running['pid']}): {running['gatewayUrl']}. "
        "Stop it with Ctrl-C in its terminal."
    )


@contextlib.contextmanager
def published(
    run_dir: Path, *, gateway_url: str, gateway_store: str, api_key: str, services: Mapping[str, str]
) -> Iterator[None]:
    """Write down, for this user alone, where the run answers and what it keeps; forget it with the block.

    Args:
        gateway_store: ``GATEWAY_DATABASE_URL`` of the gateway.
        services: ``host:port`` of each gRPC service, by its name.
    """
    path = run_dir / STATE
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        state = {
            "pid": os.getpid(),
            "gatewayUrl": gateway_url,
            "gatewayStore": _from_anywhere(gateway_store),
            "apiKey": api_key,
            "services": services,
        }
        json.dump(state, file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _from_anywhere(store_url: str) -> str:
    """Return the URL of a store as it holds in other directories too."""
    engine, separator, path = store_url.partition(":///")
    return f"{engine}:///{Path(path).absolute()}" if separator and engine == "sqlite" else store_url
