"""The settings of several services are checked together."""

import pytest

from services.chassis.check import mistakes

CLASSES = ("services.queue.config:QueueSettings", "services.processor.config:ProcessorSettings")


def test_right_settings_have_no_mistakes() -> None:
    assert mistakes(CLASSES) == []


def test_every_mistake_has_one_line_also_one_that_two_services_make(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MAX_QUEUE_SIZE": "0", "MAX_CONCURRENT_DOWNLOADS": "99", "DRAIN_S": "-1"}.items():
        monkeypatch.setenv(name, value)

    found = mistakes(CLASSES)

    assert sorted(line.partition("=")[0] for line in found) == ["DRAIN_S", "MAX_CONCURRENT_DOWNLOADS", "MAX_QUEUE_SIZE"]
