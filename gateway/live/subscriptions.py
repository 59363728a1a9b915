"""What one client listens to."""

import re
from typing import Protocol

from gateway.live.commands import Command
from gateway.live.hub import JOB_PREFIX, JOBS, MEMORY, QUEUE, Client, Hub
from gateway.live.messages import Said, Subscribed, Unsubscribed
from gateway.live.publisher import Publisher
from gateway.live.snapshots import Snapshots, Taken
from gateway.views.state import ENDED
from services.chassis.errors import ClipferryError, Reason, field_invalid

MAX_SUBSCRIPTIONS = 64
_JOB_CHANNEL = re.compile(JOB_PREFIX + r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Subscriber(Client, Protocol):
    """A client that can be answered."""

    def reply(self, message: Said) -> None:
        """Send an answer."""

    def refuse(self, command_id: str | int | None, error: ClipferryError) -> None:
        """Say why a command was not carried out."""


class Subscriptions:
    """Carries out a client's subscribe and unsubscribe commands."""

    def __init__(self, client: Subscriber, hub: Hub, publisher: Publisher, snapshots: Snapshots) -> None:
        self._client = client
        self._hub = hub
        self._publisher = publisher
        self._snapshots = snapshots

    async def add(self, command: Command) -> None:
        """Carry out `subscribe`: listen, then answer with the state.

        Raises:
            ClipferryError: FIELD_INVALID or JOB_NOT_FOUND.
        """
        client = self._client
        channel = self._channel(command)
        if channel not in client.channels and len(client.channels) >= MAX_SUBSCRIPTIONS:
            limit = f"A connection may have {MAX_SUBSCRIPTIONS} subscriptions; {channel} would be one more."
            raise ClipferryError(Reason.FIELD_INVALID, limit, limit_count=MAX_SUBSCRIPTIONS)
        taken = await self._listened(channel, command.cursor)
        self._client.reply(
            Subscribed("subscribed", self._publisher.now(), command.id, channel, taken.cursor, taken.snapshot)
        )
        if channel == JOBS:
            client.jobs_after = taken.cursor
        elif taken.job is not None and taken.job.state in ENDED and client.hears_end(taken.job):
            # Whoever comes late hears of the end as well.
            client.reply(self._publisher.finished(taken.job))

    async def _listened(self, channel: str, cursor: int | None) -> Taken:
        """Listen to a channel and return its state."""
        if channel in (QUEUE, MEMORY):
            # Each message is the whole state: none is missed by listening after looking, and none comes too early.
            taken = await self._stats(channel)
            self._hub.subscribe(self._client, channel)
            return taken
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

    async def _stats(self, channel: str) -> Taken:
        stats = await self._snapshots.stats()
        publisher = self._publisher
        if stats is None:
            return Taken(None, publisher.cursor)
        return Taken(
            publisher.queue_stats(stats) if channel == QUEUE else publisher.memory_stats(stats), publisher.cursor
        )

    def _channel(self, command: Command) -> str:
        channel = command.channel or ""
        if channel not in (JOBS, QUEUE, MEMORY) and not _JOB_CHANNEL.fullmatch(channel):
            raise field_invalid("channel", "must be jobs, queue, memory or job:<id>", channel)
        return channel

    async def remove(self, command: Command) -> None:
        """Carry out `unsubscribe`. Raises as `add` does."""
        channel = self._channel(command)
        self._hub.unsubscribe(self._client, channel)
        self._client.reply(Unsubscribed("unsubscribed", self._publisher.now(), command.id, channel))

    async def send_jobs_again(self) -> None:
        """Answer again for every channel of jobs: changes were missed."""
        for channel in sorted(self._client.channels - {QUEUE, MEMORY}):
            try:
                await self.add(Command("subscribe", channel=channel))
            except ClipferryError as error:
                self._client.refuse(None, error)
