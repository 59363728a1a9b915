"""What one client listens to."""

import re
from typing import Protocol

from gateway.auth import scopes
from gateway.live.board import PROGRESS
from gateway.live.commands import Command
from gateway.live.hub import JOB_PREFIX, JOBS, NUMBERS, Client, Hub
from gateway.live.messages import Said, Subscribed, Unsubscribed
from gateway.live.numbers import Numbers
from gateway.live.publisher import Publisher
from gateway.live.snapshots import Snapshots, Taken
from gateway.views.state import ENDED
from services.chassis.errors import ClipferryError, Reason, field_invalid

_JOB_CHANNEL = re.compile(JOB_PREFIX + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Subscriber(Client, Protocol):
    """A client that can be answered."""

    def reply(self, message: Said) -> None:
        """Send an answer."""

    def refuse(self, command_id: str | int | None, error: ClipferryError) -> None:
        """Say why a command was not carried out."""

    def send_later(self) -> None:
        """Have `Subscriptions.send_owed` called in a while."""


class Subscriptions:
    """Carries out a client's subscribe and unsubscribe commands.

    Args:
        limit_count: Most channels at once.
    """

    __slots__ = ("_client", "_hub", "_limit_count", "_numbers", "_owed", "_publisher", "_snapshots")

    def __init__(
        self,
        client: Subscriber,
        hub: Hub,
        publisher: Publisher,
        snapshots: Snapshots,
        numbers: Numbers,
        *,
        limit_count: int,
    ) -> None:
        self._client = client
        self._hub = hub
        self._publisher = publisher
        self._snapshots = snapshots
        self._numbers = numbers
        self._limit_count = limit_count
        self._owed: set[str] = set()
        """Channels whose state the client is still to get."""

    async def add(self, command: Command) -> None:
        """Carry out `subscribe`: listen, then answer with the state.

        Raises:
            ClipferryError: FIELD_INVALID, PERMISSION_DENIED or JOB_NOT_FOUND.
        """
        client = self._client
        channel = _channel(command)
        client.caller.need(_scope(channel))
        if channel not in client.channels and len(client.channels) >= self._limit_count:
            limit = f"A connection may have {self._limit_count} subscriptions; {channel} would be one more."
            raise ClipferryError(Reason.FIELD_INVALID, limit, limit_count=self._limit_count)
        taken = await self._listened(channel, command.cursor)
        self._answer(command.id, channel, taken)
        if taken.snapshot is None:
            self._owed.add(channel)
            client.send_later()

    async def _listened(self, channel: str, cursor: int | None) -> Taken:
        """Listen to a channel and return its state."""
        if channel in NUMBERS:
            # First look, then listen: each message is the whole state, and none comes too early.
            counted = self._client.caller.counted
            with self._numbers.joining(counted):
                snapshot = await self._numbers.snapshot(channel, counted)
                self._hub.subscribe(self._client, channel)
            return Taken(snapshot, self._publisher.cursor)
        # First listen, then look: what changes in between is heard, and never lost.
        was_heard = channel in self._client.channels
        self._hub.subscribe(self._client, channel)
        try:
            if channel == JOBS:
                return await self._snapshots.jobs(self._client.caller, cursor)
            return await self._snapshots.job(self._client.caller, channel.removeprefix(JOB_PREFIX))
        except ClipferryError:
            if not was_heard:
                self._hub.unsubscribe(self._client, channel)
            raise

    def _answer(self, command_id: str | int | None, channel: str, taken: Taken) -> None:
        client = self._client
        # What still waits for a client that reads slowly is older than this.
        client.socket.forget(channel)
        for name in taken.names:
            client.socket.forget((PROGRESS, name))
        client.reply(Subscribed("subscribed", self._publisher.now(), command_id, channel, taken.cursor, taken.snapshot))
        if channel == JOBS:
            client.jobs_after = taken.cursor
        elif taken.job is not None and taken.job.state in ENDED and client.hears_end(taken.job):
            # Whoever comes late hears of the end as well.
            client.reply(self._publisher.finished(taken.job))

    async def remove(self, command: Command) -> None:
        """Carry out `unsubscribe`. Raises as `add` does."""
        self._let_go(_channel(command), command.id)

    def remove_forbidden(self) -> None:
        """Stop what the caller's new credentials do not allow, and say so."""
        for channel in sorted(self._client.channels):
            if _scope(channel) not in self._client.caller.scopes:
                self._let_go(channel, None)

    def _let_go(self, channel: str, command_id: str | int | None) -> None:
        self._hub.unsubscribe(self._client, channel)
        self._owed.discard(channel)
        self._client.reply(Unsubscribed("unsubscribed", self._publisher.now(), command_id, channel))

    def owe_jobs(self) -> None:
        """Changes were missed: owe the state of every channel of jobs."""
        self._owed |= self._client.channels - NUMBERS

    async def send_owed(self) -> bool:
        """Send the states that the client is owed; returns whether it has them all now."""
        while self._owed:
            channel = min(self._owed)
            try:
                taken = await self._listened(channel, None)
            except ClipferryError as error:
                self._client.refuse(None, error)
                self._let_go(channel, None)
                continue
            if taken.snapshot is None:
                return False
            if channel in self._owed:  # and was not left meanwhile
                self._owed.discard(channel)
                self._answer(None, channel, taken)
        return True


def _channel(command: Command) -> str:
    channel = command.channel or ""
    if channel not in {JOBS, *NUMBERS} and not _JOB_CHANNEL.fullmatch(channel):
        raise field_invalid("channel", "must be jobs, queue, memory or job:<id>", channel)
    return channel


def _scope(channel: str) -> str:
    return scopes.STATS_READ if channel in NUMBERS else scopes.JOBS_READ
