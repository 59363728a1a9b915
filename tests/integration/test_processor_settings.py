"""What the processor can be told changes what it does, and what makes no sense is refused before it starts."""

import asyncio
import logging
from collections.abc import Callable, Collection

import pytest
import structlog
from structlog.testing import capture_logs

from services.chassis.settings import SettingsError, load
from services.processor.config import ProcessorSettings
from services.processor.core.room import Room
from tests.fakes.processor_queue import ScriptedQueue, assign
from tests.fakes.processor_world import a_world


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("MEMORY_PROCESSING", "false", "never writes video to a disk"),
        ("MAX_CONCURRENT_DOWNLOADS", "0", "greater than or equal to 1"),
        ("MAX_CONCURRENT_DOWNLOADS", "11", "less than or equal to 10"),
        ("MAX_TOTAL_MEMORY", "1000", "MAX_TOTAL_MEMORY=1000 must be at least MAX_MEMORY_PER_VIDEO=52428800"),
        ("MEMORY_WARNING_THRESHOLD", "96", "less than or equal to 95"),
        ("MEMORY_WARNING_THRESHOLD", "49", "greater than or equal to 50"),
        ("EGRESS_ALLOW", "127.0.0.1:80,somewhere", "'somewhere'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refusal:
        load(ProcessorSettings)
    assert told in str(refusal.value)


def test_the_references_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ProcessorSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    settings = load(ProcessorSettings)
    assert settings.max_concurrent_downloads == 3
    assert settings.max_memory_per_video == 52_428_800
    assert settings.max_total_memory == 209_715_200
    assert settings.memory_warning_threshold == 80
    assert settings.memory_log_interval_ms == 30_000
    assert (settings.memory_processing, settings.auto_memory_cleanup, settings.debug_memory) == (True, True, False)


async def test_max_concurrent_downloads_is_what_the_worker_offers() -> None:
    queue = ScriptedQueue()
    async with a_world(queue, max_concurrent_downloads=7):
        assert (await queue.stream()).hello.slots == 7
        await queue.until(lambda: queue.readies and queue.readies[0].free_slots == 7)


async def test_max_memory_per_video_bounds_a_video() -> None:
    queue = ScriptedQueue()
    async with a_world(queue, max_memory_per_video=2_999):
        (await queue.stream()).say(assigns=[assign()])
        await queue.until(lambda: "fail_job" in queue.kinds())
        assert queue.move("fail_job").fail_job.error.metadata["limit_bytes"] == "2999"


async def test_no_credit_is_given_while_a_full_size_video_would_not_fit() -> None:
    queue = ScriptedQueue()
    async with a_world(queue, max_total_memory=60_000_000) as world:
        await world.begin(at="extract")
        await queue.until(lambda: queue.readies[-1].free_bytes == 0)


async def _lines_of_a_run(action: str, done: Callable[[list[str]], bool], **settings: object) -> int:
    """Return how many lines with that action there are once `done` says that there are enough lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with capture_logs() as lines:
            queue = ScriptedQueue()
            async with a_world(queue, **settings) as world:
                await world.begin()
                async with asyncio.timeout(30):
                    while not done([line.get("action", "") for line in lines]):  # noqa: ASYNC110 - logs have no event
                        await asyncio.sleep(0.01)
                world.script.go.set()
                await queue.until(lambda: "complete_job" in queue.kinds())
            return sum(line.get("action") == action for line in lines)
    finally:
        structlog.reset_defaults()


async def test_memory_log_interval_is_how_often_held_memory_is_told() -> None:
    def told_twice(actions: list[str]) -> bool:
        return actions.count("memory_status") >= 2

    assert await _lines_of_a_run("memory_status", told_twice, memory_log_interval_ms=20) >= 2
    assert await _lines_of_a_run("memory_status", bool, memory_log_interval_ms=60_000) == 0


async def test_debug_memory_writes_a_line_for_each_allocation() -> None:
    assert await _lines_of_a_run("memory_set", bool, debug_memory=True) >= 2
    assert await _lines_of_a_run("memory_set", bool, debug_memory=False) == 0


async def test_auto_memory_cleanup_is_told_to_the_queue() -> None:
    for wanted in (True, False):
        queue = ScriptedQueue()
        async with a_world(queue, auto_memory_cleanup=wanted):
            assert (await queue.stream()).hello.auto_cleanup is wanted


async def test_memory_warning_threshold_is_when_a_warning_is_written() -> None:
    """A run of 50 MB on 60 MB is above 80 %, and below 90 %."""
    for threshold, is_warned in ((80, True), (90, False)):
        told = await _lines_of_a_run(
            "memory_high", bool, max_total_memory=60_000_000, memory_warning_threshold=threshold, debug_memory=True
        )
        assert (told > 0) is is_warned, threshold


@pytest.mark.parametrize("is_on", [True, False])
async def test_auto_memory_cleanup_takes_back_what_a_run_left(monkeypatch: pytest.MonkeyPatch, is_on: bool) -> None:
    """A run that has ended without giving its memory back is noticed at the next look, unless that is switched off."""
    looks = 0

    def look(room: Room, active: Collection[str]) -> int:
        nonlocal looks
        looks += 1
        return free_orphans(room, active)

    free_orphans = Room.free_orphans
    monkeypatch.setattr(Room, "free", lambda _room, _holder: None)
    monkeypatch.setattr(Room, "free_orphans", look)
    queue = ScriptedQueue()
    async with a_world(queue, auto_memory_cleanup=is_on, memory_log_interval_ms=20) as world:
        (await queue.stream()).say(assigns=[assign()])
        await queue.until(lambda: "complete_job" in queue.kinds() and queue.readies[-1].free_slots == 2)
        if is_on:
            await queue.until(lambda: queue.readies[-1].memory.orphan_freed_bytes == 3_000)
        memory = (await world.status()).memory
        assert memory.current_bytes == (0 if is_on else 3_000)
    assert (looks > 0) is is_on
