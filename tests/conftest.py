"""Rules that hold for every test."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

# Terminals of tests are forked from this process, which has gRPC's threads. What gRPC does after a fork lives until the
# program takes over, or does not survive that its descriptors are closed first, and there is no program: one in twenty.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# An example that takes long has met a busy machine; a test that hangs is cut by the limit of every test.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
async def no_task_outlives_its_test() -> AsyncIterator[None]:
    """A task that is still there after a test, its fixtures included, is a leak of ours.

    Set up first and torn down last, so that the test's own fixtures are gone when it looks.
    """
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    if left:
        # Those that were told to end, such as grpc's own, get the time to do so; a leak stays however long one waits.
        _, left = await asyncio.wait(left, timeout=20)
    assert not left, f"tasks outlived the test: {sorted(task.get_name() for task in left)}"
