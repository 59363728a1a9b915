"""Jobs that are stopped at a step of their way, once, until a test lets them go on."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from tests.processes.chaos_steps import Step
from tests.processes.relay import CutError, Watcher, relay
from tests.processes.stack import Stack


class Hold:
    """One job at one step."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._reached = asyncio.Event()
        self._decided = asyncio.Event()
        self._lost = False

    async def until_reached(self, *, within_s: float = 30.0) -> None:
        """Wait until the job is there."""
        try:
            async with asyncio.timeout(within_s):
                await self._reached.wait()
        except TimeoutError:
            raise AssertionError(f"no job came to the step {self.step.value!r} within {within_s:g} s") from None

    def go(self) -> None:
        """Let the message go on, unless it is lost."""
        self._decided.set()

    def lose(self) -> None:
        """Lose the message, and its connection with it."""
        self._lost = True
        self._decided.set()

    async def stop_by(self) -> None:
        """Stop here until it is decided what becomes of the message."""
        self._reached.set()
        await self._decided.wait()
        if self._lost:
            raise CutError


class Holds:
    """A watcher that holds what it was told to."""

    def __init__(self) -> None:
        self._planned: dict[tuple[str, Step], Hold] = {}

    def plan(self, job_name: str, step: Step) -> Hold:
        """Hold a job the first time that it comes to `step`."""
        hold = self._planned[job_name, step] = Hold(step)
        return hold

    async def at(self, job_name: str, step: Step) -> None:
        hold = self._planned.pop((job_name, step), None)
        if hold is not None:
            await hold.stop_by()


@asynccontextmanager
async def relays(stack: Stack, watcher: Watcher) -> AsyncIterator[Mapping[str, str]]:
    """Stand between a processor and what it talks to; yields the variables that lead it there."""
    async with AsyncExitStack() as exits:
        queue = await exits.enter_async_context(relay(stack.settings.queue_listen_address, watcher))
        notifier = await exits.enter_async_context(relay(stack.settings.notifier_listen_address, watcher))
        yield {"QUEUE_TARGET": queue, "NOTIFIER_TARGET": notifier}
