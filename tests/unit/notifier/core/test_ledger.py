"""Deliveries are remembered for an hour, and never without bound."""

from services.notifier.core.ledger import KEEP_COUNT, KEEP_S, Ledger
from services.notifier.core.message import Delivered
from tests.fakes.clock import FakeClock

DELIVERED = Delivered(chat_id=1, message_id=2)


def test_remembered_for_an_hour() -> None:
    """A repeat within the hour is found; one after it is not."""
    clock = FakeClock()
    ledger = Ledger(clock)
    ledger.record("k", DELIVERED)

    clock.advance(KEEP_S - 1)
    assert DELIVERED is ledger.find("k")
    clock.advance(2)
    assert ledger.find("k") is None


def test_empty_key_is_nobody() -> None:
    """Messages without a key are never taken for each other."""
    ledger = Ledger(FakeClock())

    ledger.record("", DELIVERED)

    assert ledger.find("") is None


def test_oldest_is_forgotten_first() -> None:
    """Beyond the bound the oldest entry goes; one recorded again counts as new."""
    ledger = Ledger(FakeClock())
    ledger.record("a", DELIVERED)
    ledger.record("b", DELIVERED)
    ledger.record("a", DELIVERED)

    for number in range(KEEP_COUNT - 1):
        ledger.record(f"k{number}", DELIVERED)

    assert ledger.find("b") is None
    assert ledger.find("a") is not None
