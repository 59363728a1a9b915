"""Who listens to what, and the way of a frame to all of them."""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Protocol

from clipferry.queue.v1 import job_pb2
from gateway.auth.caller import Caller
from gateway.limits.places import Place, Places
from gateway.live.socket import SharedFrameProtocol
from gateway.live.telling import push_to_all
from gateway.live.terms import LiveTerms
from gateway.metrics import CONNECTED, CONNECTIONS, DROPPED, SUBSCRIPTIONS
from gateway.views.stats import WebSocketView
from services.chassis.metrics import Reading

JOBS, QUEUE, MEMORY = "jobs", "queue", "memory"
NUMBERS = frozenset({QUEUE, MEMORY})
JOB_PREFIX = "job:"


class Client(Protocol):
    """A connection that has said hello."""

    socket: SharedFrameProtocol
    caller: Caller
    channels: set[str]
    jobs_after: int
    """Sequence up to which its `jobs` snapshot is complete."""

    def hears_end(self, job: job_pb2.Job) -> bool:
        """Return whether it has not heard of this end yet; it has from now on."""

    def resync(self) -> None:
        """Subscribe again to every channel of jobs: some changes were missed."""

    def go_away(self, reason: str) -> None:
        """Say goodbye and close."""


class Audience:
    """Whose jobs somebody here may see."""

    def __init__(self) -> None:
        self._owners: Counter[str] = Counter()
        self._admin_count = 0
        self.changed = asyncio.Event()
        """Set when `wanted` may have changed."""

    def wanted(self) -> frozenset[str] | None:
        """Return the owners to follow; None: everybody."""
        return None if self._admin_count else frozenset(self._owners)

    def join(self, caller: Caller) -> None:
        """Count one more connection of a caller."""
        if caller.is_admin:
            self._admin_count += 1
        self._owners[caller.user_id] += 1
        self.changed.set()

    def leave(self, caller: Caller) -> None:
        """Count one connection less."""
        if caller.is_admin:
            self._admin_count -= 1
        self._owners -= Counter([caller.user_id])
        self.changed.set()


class Hub:
    """Keeps the subscriptions and delivers frames. Nothing here waits.

    Args:
        terms: Intervals, for the statistics.
        users: How many connections each user may have.
        is_enabled: Whether there are live updates at all.
    """

    def __init__(self, terms: LiveTerms, users: Places, *, is_enabled: bool = True) -> None:
        self.is_enabled = is_enabled
        self.audience = Audience()
        self._clients: set[Client] = set()
        self._places: dict[Client, Place] = {}
        self._by_user: dict[str, set[Client]] = {}
        self._by_channel: dict[Hashable, set[Client]] = {}
        self._jobs_by_owner: dict[str, set[Client]] = {}
        self._jobs_of_all: set[Client] = set()
        self._subscriptions = Counter[str]()
        """By kind of channel."""
        self._total_count = 0
        self._slow_count = 0
        self._terms = terms
        self._users = users

    def join(self, client: Client) -> None:
        """Take in a connection that has said hello; the user's oldest one goes if it is one too many."""
        self._clients.add(client)
        self._by_user.setdefault(client.caller.user_id, set()).add(client)
        self._total_count += 1
        CONNECTIONS.add()
        self.audience.join(client.caller)
        self._places[client] = self._users.take(client.caller.user_id, client.socket)
        self._users.make_room(client.caller.user_id)

    def leave(self, client: Client) -> None:
        """Let go of a connection and its subscriptions."""
        self._clients.discard(client)
        _discard(self._by_user, client.caller.user_id, client)
        self._slow_count += client.socket.was_dropped
        DROPPED.add(by=client.socket.was_dropped)
        for channel in list(client.channels):
            self.unsubscribe(client, channel)
        self.audience.leave(client.caller)
        self._users.leave(self._places.pop(client))

    def change_caller(self, client: Client, caller: Caller) -> None:
        """Let `client` go on with new credentials of the same user, hearing what these may hear."""
        channels = sorted(client.channels)
        for channel in channels:
            self.unsubscribe(client, channel)
        self.audience.leave(client.caller)
        client.caller = caller
        self.audience.join(caller)
        for channel in channels:
            self.subscribe(client, channel)

    def subscribe(self, client: Client, channel: str) -> None:
        """Let `client` hear `channel`."""
        self._subscriptions[_kind(channel)] += channel not in client.channels
        client.channels.add(channel)
        if channel == JOBS:
            self._jobs_listeners(client.caller).add(client)
        else:
            self._by_channel.setdefault(_heard(client.caller, channel), set()).add(client)

    def unsubscribe(self, client: Client, channel: str) -> None:
        """Stop `client` hearing `channel`."""
        self._subscriptions[_kind(channel)] -= channel in client.channels
        client.channels.discard(channel)
        if channel == JOBS:
            self._jobs_of_all.discard(client)
            _discard(self._jobs_by_owner, client.caller.user_id, client)
            return
        _discard(self._by_channel, _heard(client.caller, channel), client)

    def _jobs_listeners(self, caller: Caller) -> set[Client]:
        if caller.is_admin:
            return self._jobs_of_all
        return self._jobs_by_owner.setdefault(caller.user_id, set())

    def listeners(self, owner: str, job_id: str, sequence: int | None) -> Iterator[Client]:
        """Yield each client that is to hear of a job once.

        Args:
            sequence: Of the change; None for what no snapshot can hold.
        """
        for client in (*self._jobs_by_owner.get(owner, ()), *self._jobs_of_all):
            if sequence is None or sequence > client.jobs_after:
                yield client
        for client in self._by_channel.get(JOB_PREFIX + job_id, ()):
            heard = JOBS in client.channels and (sequence is None or sequence > client.jobs_after)
            if not heard and client.caller.sees(owner):
                yield client

    def hears_numbers(self, counted: str) -> bool:
        """Return whether somebody hears the numbers of one owner, or those of everybody when empty."""
        return any((channel, counted) in self._by_channel for channel in NUMBERS)

    def broadcast(self, channel: str, counted: str, frame: bytes, key: Hashable) -> None:
        """Send `frame` to everybody who hears the numbers of `counted` on `channel`."""
        push_to_all(self._by_channel.get((channel, counted), ()), frame, key)

    def tell_all(self, frame: bytes) -> None:
        """Send `frame`, which must arrive, to everybody."""
        push_to_all(self._clients, frame)

    def resync(self) -> None:
        """Have everybody's job channels sent again as snapshots."""
        for client in self._clients:
            client.resync()

    def close_session(self, session_id: str, code: int, reason: str) -> None:
        """Close every connection of a sign-in."""
        for client in self._clients:
            if client.caller.session_id == session_id:
                client.socket.close(code, reason)

    def drain(self, reason: str) -> None:
        """Send everybody away."""
        for client in self._clients:
            client.go_away(reason)

    def stats(self, user_id: str = "") -> WebSocketView:
        """Return the numbers of the live connections: of one user's, or of all when empty."""
        clients, subscriptions = self._clients, self._subscriptions
        if user_id:
            clients = self._by_user.get(user_id, set())
            subscriptions = Counter(_kind(channel) for client in clients for channel in client.channels)
        return WebSocketView(
            enabled=self.is_enabled,
            connected_clients=len(clients),
            job_subscriptions=subscriptions[JOBS],
            queue_subscriptions=subscriptions[QUEUE],
            memory_subscriptions=subscriptions[MEMORY],
            total_connections=None if user_id else self._total_count,
            slow_clients_dropped=None if user_id else self._slow_count,
            ping_interval=self._terms.ping_interval_ms,
        )

    async def readings(self) -> Iterable[Reading]:
        """Return the same as metrics."""
        stats = self.stats()
        return [
            Reading(CONNECTED, stats.connected_clients),
            Reading(SUBSCRIPTIONS, stats.job_subscriptions, ("jobs",)),
            Reading(SUBSCRIPTIONS, stats.queue_subscriptions, (QUEUE,)),
            Reading(SUBSCRIPTIONS, stats.memory_subscriptions, (MEMORY,)),
        ]


def _kind(channel: str) -> str:
    return channel if channel in NUMBERS else JOBS


def _heard(caller: Caller, channel: str) -> Hashable:
    """Return what a caller hears on a channel that is not `jobs`: of numbers, those that the caller may see."""
    return (channel, caller.counted) if channel in NUMBERS else channel


def _discard(listed: dict[Any, set[Client]], key: Hashable, client: Client) -> None:
    clients = listed.get(key, set())
    clients.discard(client)
    if not clients:
        listed.pop(key, None)
