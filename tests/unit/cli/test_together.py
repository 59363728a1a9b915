"""All services in one process: whose words end it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cli.together import ServiceFailedError, named
from services.chassis.lifecycle import StartError, background


@asynccontextmanager
async def fine() -> AsyncIterator[int]:
    yield 1


@asynccontextmanager
async def dies() -> AsyncIterator[int]:
    async def work() -> None:
        raise ZeroDivisionError("no more")

    async with background(work(), name="work"):
        yield 1


@asynccontextmanager
async def cannot_start() -> AsyncIterator[int]:
    async with fine() as port:
        if port:
            raise StartError("the port is taken.")
        yield port


@pytest.mark.parametrize("guilty", ["queue", "gateway"], ids=["outermost", "innermost"])
async def test_a_service_that_fails_ends_all_and_is_named(guilty: str) -> None:
    with pytest.raises(ServiceFailedError, match=f"^the {guilty} failed: ZeroDivisionError: no more$"):
        async with AsyncExitStack() as stack:
            for name in ("queue", "gateway"):
                await stack.enter_async_context(named(name, dies() if name == guilty else fine()))
            await asyncio.Event().wait()


async def test_a_service_that_cannot_start_is_named_once() -> None:
    with pytest.raises(StartError, match=r"^gateway: the port is taken\.$"):
        async with named("queue", fine()), named("gateway", cannot_start()):
            pass


@asynccontextmanager
async def groups() -> AsyncIterator[int]:
    async with asyncio.TaskGroup():
        yield 1


async def test_a_service_around_is_not_blamed() -> None:
    """Also one with a task group, which passes the failure of another on in a group."""
    with pytest.raises(StartError, match=r"^gateway: the port is taken\.$"):
        async with named("processor", groups()), named("gateway", cannot_start()):
            pass
    with pytest.raises(ServiceFailedError, match=r"^the gateway failed: ZeroDivisionError: no more$"):
        async with named("processor", groups()), named("gateway", dies()):
            await asyncio.Event().wait()


async def test_what_the_block_itself_raises_is_nobodys_fault() -> None:
    with pytest.raises(KeyError):
        async with named("queue", fine()):
            raise KeyError("mine")
