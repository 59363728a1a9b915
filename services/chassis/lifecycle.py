"""Background work, and the way a process starts and stops."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import structlog

from services.chassis.allocator import give_back_freed_memory
from services.chassis.collector import spare_what_stays
from services.chassis.errors import ClipferryError
from services.chassis.logs import set_up_logs
from services.chassis.observing import observing
from services.chassis.settings import Settings, SettingsError, load

logger = structlog.get_logger(__name__)

_EXIT_GRACE_S = 10.0
"""After the drain time: how long the process may take to fall apart before it is ended (grpc/grpc PR 40989)."""


class StartError(Exception):
    """A service cannot start. The message is one line for the operator."""


@asynccontextmanager
async def background(coro: Coroutine[Any, Any, None], *, name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Run `coro` for the length of the block, then cancel it.

    A background task never dies unseen: if `coro` fails first, the block is cancelled and that failure is raised. An
    exception of the block itself passes through unwrapped.

    Raises:
        ExceptionGroup: Only if both fail.
    """
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(coro, name=name)
            try:
                yield task
            finally:
                task.cancel()
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) > 1:
            raise
        raise failures.exceptions[0] from failures.exceptions[0].__cause__


async def run_until_signalled(service: AbstractAsyncContextManager[Any], *, drain_s: float) -> None:
    """Enter `service`, wait for SIGTERM or SIGINT, leave it. A second signal ends the process at once.

    Raises:
        Whatever the service raises while it runs.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        logger.info("The process was asked to stop.", action="stop_asked", signal=signal.Signals(number).name)
        stop.set()
        threading.Thread(target=_end_late, args=(drain_s + _EXIT_GRACE_S,), daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    async with service:
        spare_what_stays()
        give_back_freed_memory()
        logger.info("The service is ready.", action="service_ready", pid=os.getpid())
        await stop.wait()
    logger.info("The service has stopped.", action="service_stopped")


def _end_late(after_s: float) -> None:
    threading.Event().wait(after_s)
    logger.error("The process did not stop in time and is ended.", action="stop_forced", after_s=after_s)
    os._exit(70)


S = TypeVar("S", bound=Settings)


def main(name: str, settings_class: type[S], service: Callable[[S], AbstractAsyncContextManager[Any]]) -> None:
    """Run one service as a process: load its settings, set up logs, serve until signalled.

    Exit status: 0 after a signal; 78 when the settings are wrong or the service cannot start, with the reasons on
    standard error; 75 when it could not start this time, such as without its database; 1 on a fault of ours.
    """
    try:
        settings = load(settings_class)
    except SettingsError as error:
        sys.stderr.write(f"{name}: the settings are wrong:\n{error}\n")
        raise SystemExit(78) from None
    set_up_logs(service=name, level=settings.log_level)
    try:
        asyncio.run(run_until_signalled(_observed(name, settings, service(settings)), drain_s=settings.drain_s))
    except StartError as error:
        logger.error("The service cannot start.", action="start_failed", cause=str(error))
        sys.stderr.write(f"{name}: {error}\n")
        raise SystemExit(78) from None
    except ClipferryError as error:
        logger.error("The service cannot start yet.", action="start_failed", reason=error.reason.name)
        sys.stderr.write(f"{name}: {error.message}\n")
        raise SystemExit(75) from None


@asynccontextmanager
async def _observed(name: str, settings: Settings, service: AbstractAsyncContextManager[Any]) -> AsyncIterator[None]:
    async with observing(name, settings), service:
        yield
