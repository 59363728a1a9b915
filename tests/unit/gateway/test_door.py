"""Who may come in at /ws."""

import pytest

from gateway.live.door import Door
from gateway.live.places import live_places
from gateway.live.terms import LiveTerms
from services.chassis.errors import ClipferryError
from tests.fakes.clock import FakeClock

TERMS = LiveTerms(
    connection_count=10,
    connections_per_address=2,
    waiting_per_address=1,
    connections_per_user=10,
    subscription_count=10,
    commands_per_minute=10,
    hello_timeout_s=1,
    ping_interval_ms=1_000,
    ping_timeout_s=1,
)


def test_all_addresses_of_a_network_of_ipv6_count_as_one() -> None:
    """As over HTTP: a customer of a provider has a /64 to choose from."""
    door = Door(TERMS, live_places(TERMS, FakeClock()))
    visit = door.enter("2001:db8::1")
    with pytest.raises(ClipferryError, match="without a hello"):
        door.enter("2001:db8::2")
    visit.greeted()
    door.enter("2001:db8::2").greeted()

    with pytest.raises(ClipferryError, match="live connections from one address"):
        door.enter("2001:db8::3")
    door.enter("2001:db8:0:1::3").end()
    visit.end()
    door.enter("2001:db8::3").end()
