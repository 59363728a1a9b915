"""Who hears what, also after their credentials have changed."""

from dataclasses import dataclass, field
from typing import Any

from gateway.auth.caller import Caller
from gateway.auth.scopes import OF_ROLE
from gateway.config import GatewaySettings
from gateway.live.hub import JOBS, Hub
from gateway.live.places import live_places
from gateway.live.told import live_terms
from tests.fakes.clock import FakeClock


def caller(user: str, role: str) -> Caller:
    return Caller(user, "session", 4_000_000_000, OF_ROLE[role], frozenset())


class OpenSocket:
    """A socket on which nothing happens."""

    is_open = True
    was_dropped = False


@dataclass(eq=False)
class QuietClient:
    """A client that is only listed."""

    caller: Caller
    channels: set[str] = field(default_factory=set)
    jobs_after: int = 0
    socket: OpenSocket = field(default_factory=OpenSocket)


def a_hub() -> Hub:
    terms = live_terms(GatewaySettings())
    return Hub(terms, live_places(terms, FakeClock()).users)


def hears(hub: Hub, client: Any, owner: str, job_id: str = "1") -> bool:
    return client in list(hub.listeners(owner, job_id, None))


def test_who_is_no_admin_any_more_hears_of_own_jobs_only_and_nobody_else_is_followed() -> None:
    hub = a_hub()
    client: Any = QuietClient(caller("ann", "admin"))
    hub.join(client)
    for channel in (JOBS, "job:1"):
        hub.subscribe(client, channel)
    assert hears(hub, client, "bob")
    assert hub.audience.wanted() is None

    hub.change_caller(client, caller("ann", "user"))

    assert not hears(hub, client, "bob")
    assert hears(hub, client, "ann")
    assert hub.audience.wanted() == frozenset({"ann"})
    hub.unsubscribe(client, JOBS)
    assert not hears(hub, client, "bob")  # by the channel of the job itself
    hub.leave(client)
    assert hub.audience.wanted() == frozenset()
    assert hub.stats().job_subscriptions == 0


def test_who_becomes_admin_hears_of_all() -> None:
    hub = a_hub()
    client: Any = QuietClient(caller("ann", "user"))
    hub.join(client)
    hub.subscribe(client, JOBS)

    hub.change_caller(client, caller("ann", "admin"))

    assert hears(hub, client, "bob")
    assert list(hub.listeners("ann", "1", None)) == [client]
