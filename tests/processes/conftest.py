"""One stack of real processes for the whole session; tests that kill things make their own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.run.gateway import Gateway
from tests.processes.ports import documented_ports
from tests.processes.stack import Stack, memory_directory, running_stack


@pytest.fixture(scope="package")
def shared_stack() -> Iterator[Stack]:
    with documented_ports() as ports, running_stack(ports) as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The shared stack; its logs are shown if the test fails."""
    failed_before = request.session.testsfailed
    yield shared_stack
    if request.session.testsfailed > failed_before:
        print(shared_stack.logs())  # noqa: T201 - pytest shows it in the report


@pytest.fixture
async def gateway(stack: Stack) -> AsyncIterator[Gateway]:
    async with stack.gateway() as gateway:
        yield gateway


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory on tmpfs."""
    with memory_directory() as path:
        yield path
