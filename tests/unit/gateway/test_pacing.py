"""The pace of progress, on a loop whose time stands still until the test moves it."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.live.pacing import Pacer


class _Timer:
    def __init__(self, loop: "_Loop", call: Callable[[], None]) -> None:
        self._loop = loop
        self.call = call

    def cancel(self) -> None:
        self._loop.timers.remove(self)


class _Loop:
    """Only `call_later`; `tick` lets every timer run once."""

    def __init__(self) -> None:
        self.timers: list[_Timer] = []

    def call_later(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> _Timer:
        assert delay_s == pytest.approx(0.1)
        self.timers.append(_Timer(self, lambda: call(*arguments)))
        return self.timers[-1]

    def tick(self) -> None:
        due, self.timers = self.timers, []
        for timer in due:
            timer.call()


@pytest.fixture
def loop() -> _Loop:
    return _Loop()


def offer(pacer: Pacer, said: list[str], *items: str) -> None:
    for item in items:
        pacer.offer(item[0], lambda item=item: said.append(item))  # type: ignore[misc]  # a default argument binds it


def test_the_first_goes_at_once_and_then_the_latest(loop: _Loop) -> None:
    said: list[str] = []
    pacer = Pacer(loop)  # type: ignore[arg-type]  # a fake
    offer(pacer, said, "a1", "a2", "a3", "b1")
    assert said == ["a1", "b1"]

    loop.tick()
    assert said == ["a1", "b1", "a3"]
    offer(pacer, said, "a4")
    loop.tick()
    assert said == ["a1", "b1", "a3", "a4"]


def test_after_a_pause_the_next_goes_at_once(loop: _Loop) -> None:
    said: list[str] = []
    pacer = Pacer(loop)  # type: ignore[arg-type]  # a fake
    offer(pacer, said, "a1")
    loop.tick()
    assert loop.timers == []

    offer(pacer, said, "a2")
    assert said == ["a1", "a2"]


def test_what_is_dropped_is_never_said(loop: _Loop) -> None:
    said: list[str] = []
    pacer = Pacer(loop)  # type: ignore[arg-type]  # a fake
    offer(pacer, said, "a1", "a2")
    pacer.drop("a")
    loop.tick()
    offer(pacer, said, "b1", "b2")
    pacer.close()

    assert said == ["a1", "b1"]
    assert loop.timers == []
