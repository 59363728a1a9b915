"""Clients of /ws: some follow all the time and come back, some look in and leave, some stop reading."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from services.chassis.lifecycle import background
from tests.fakes.live_client import LiveClient, Pauses
from tests.fakes.raw_socket import raw_socket
from tests.processes.stack import Stack
from tests.soak.session import Session

_FOLLOWER_COUNT, _VISITOR_COUNT, _DEAF_COUNT = 3, 4, 2
_CHANNELS = ("jobs", "queue", "memory")
_VISIT_S = (0.2, 4.0)
_DEAF_S = 20.0
_PAUSES = Pauses(base_s=0.2, longest_s=1.0, stable_s=5.0)


class Watchers:
    """All of them, with a session each.

    Args:
        http: With the address of the gateway.
    """

    def __init__(self, stack: Stack, http: httpx.AsyncClient, seed: int) -> None:
        self._port = stack.settings.port
        self._chance = random.Random(seed)
        self._sessions = [Session(http, stack.api_key) for _ in range(_FOLLOWER_COUNT + _VISITOR_COUNT + _DEAF_COUNT)]
        self.followers = [
            LiveClient(self._port, session.token, _PAUSES) for session in self._sessions[:_FOLLOWER_COUNT]
        ]
        self.visit_count = 0
        self.deaf_count = 0
        self.visitor_frame_count = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        visitors = self._sessions[_FOLLOWER_COUNT:-_DEAF_COUNT]
        async with asyncio.TaskGroup() as group:
            for follower in self.followers:
                group.create_task(follower.run())
            for session in visitors:
                group.create_task(self._visit(session))
            for session in self._sessions[-_DEAF_COUNT:]:
                group.create_task(self._stay_deaf(session))

    @property
    def frame_count(self) -> int:
        """Messages that followers and visitors have heard."""
        return self.visitor_frame_count + sum(follower.message_count for follower in self.followers)

    @property
    def reconnect_count(self) -> int:
        """How often followers came back."""
        return sum(follower.connect_count - 1 for follower in self.followers)

    @property
    def refresh_count(self) -> int:
        """Tokens that came by a refresh."""
        return sum(session.refresh_count for session in self._sessions)

    @property
    def sign_in_count(self) -> int:
        """Sessions that were begun."""
        return sum(session.sign_in_count for session in self._sessions)

    def missed(self, statuses: Mapping[str, str]) -> Sequence[str]:
        """Return which ends a follower has not heard of, one line each.

        Args:
            statuses: How the jobs have ended, by id.
        """
        return [
            f"follower {number} takes job {job_id} for {follower.jobs.get(job_id, (0, 'unknown'))[1]}, not {status}"
            for number, follower in enumerate(self.followers)
            for job_id, status in statuses.items()
            if follower.jobs.get(job_id, (0, ""))[1] != status
        ]

    async def _visit(self, session: Session) -> None:
        while True:
            address, subprotocols = f"ws://127.0.0.1:{self._port}/ws", [Subprotocol("clipferry.v1")]
            async with connect(address, subprotocols=subprotocols, proxy=None, close_timeout=1) as connection:
                self.visit_count += 1
                await connection.send(json.dumps({"type": "hello", "token": await session.token(), "protocol": 1}))
                for channel in self._chance.sample(_CHANNELS, self._chance.randint(1, len(_CHANNELS))):
                    await connection.send(json.dumps({"type": "subscribe", "channel": channel}))
                try:
                    async with asyncio.timeout(self._chance.uniform(*_VISIT_S)):
                        async for _ in connection:
                            self.visitor_frame_count += 1
                except (TimeoutError, ConnectionClosed):
                    pass
                if self._chance.random() < 0.5:
                    connection.transport.abort()  # as one whose network is gone

    async def _stay_deaf(self, session: Session) -> None:
        while True:
            async with raw_socket(self._port) as client:
                self.deaf_count += 1
                await client.say(
                    json.dumps({"type": "hello", "token": await session.token(), "protocol": 1}),
                    *(json.dumps({"type": "subscribe", "channel": channel}) for channel in _CHANNELS),
                )
                await asyncio.sleep(_DEAF_S)


@asynccontextmanager
async def watching(stack: Stack, http: httpx.AsyncClient, seed: int) -> AsyncIterator[Watchers]:
    """Let them watch for the length of the block."""
    watchers = Watchers(stack, http, seed)
    async with background(watchers.run(), name="watchers"):
        yield watchers
