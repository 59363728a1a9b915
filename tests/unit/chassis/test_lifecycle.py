"""Background work never dies unseen and never outlives its block."""

import asyncio

import pytest

from services.chassis.lifecycle import background


async def test_work_is_cancelled_with_its_block() -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    async with background(work(), name="work") as task:
        await started.wait()

    assert task.cancelled()


async def test_a_failure_of_the_work_ends_the_block_and_is_raised_as_it_is() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with background(work(), name="work"):
            await asyncio.Event().wait()


async def test_a_failure_of_the_block_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with background(asyncio.Event().wait(), name="work"):  # type: ignore[arg-type]
            raise KeyError("block")


async def test_both_failures_are_raised_together() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("work")

    with pytest.raises(ExceptionGroup) as caught:
        async with background(work(), name="work"):
            await asyncio.sleep(0)
            raise KeyError("block")

    assert {type(error) for error in caught.value.exceptions} == {KeyError, ValueError}
