"""The bell between replicas: what is rung at one is heard at the other at once, and a deaf one knows that it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.chassis.lifecycle import background
from services.queue.adapters.postgres import bell as bell_module
from services.queue.adapters.postgres.bell import Bell
from services.queue.adapters.postgres.connection import connect
from tests.fakes.deaf_connection import DeafConnection
from tests.fakes.eventually import eventually
from tests.fakes.postgres import database_for

Served = Callable[..., Awaitable[Bell]]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """Start a bell, and wait until it knows whether it works."""
    url = database_for(tmp_path)
    async with AsyncExitStack() as stack:

        async def start(name: str, heard: Callable[[], None], *, is_deaf: bool = False) -> Bell:
            async def connected() -> Any:
                connection = await connect(url)
                return DeafConnection(connection) if is_deaf else connection

            bell = Bell(connected, name, heard)
            await stack.enter_async_context(background(bell.serve(), name=name))

            async def knows() -> bool:
                return bell.works is not None

            await eventually(knows, what=f"{name} knows whether it works")
            return bell

        yield start


async def test_what_is_rung_at_one_is_heard_at_the_other(served: Served) -> None:
    """And only there: who rings knows already."""
    heard_one, heard_two = asyncio.Event(), asyncio.Event()
    one = await served("one", heard_one.set)
    two = await served("two", heard_two.set)

    one.ring()

    async with asyncio.timeout(30):
        await heard_two.wait()
    assert (one.works, two.works) == (True, True)
    assert not heard_one.is_set()


async def test_one_that_hears_nothing_knows(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rings all the same."""
    monkeypatch.setattr(bell_module, "_PROBE_S", 0.2)
    heard = asyncio.Event()
    deaf = await served("deaf", lambda: None, is_deaf=True)
    assert deaf.works is False
    await served("other", heard.set)

    deaf.ring()

    async with asyncio.timeout(30):
        await heard.wait()
