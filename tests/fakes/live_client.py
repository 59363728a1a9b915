"""A client of /ws that follows docs/websocket.md to the letter and comes back by itself."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.fakes.spoken import check_said, check_spoken

_CHANGES = {"job:queued", "job:started", "job:retrying", "job:progress", "job:finished"}
_TOKEN_EXPIRED, _TOO_MANY_COMMANDS = 4010, 4029


@dataclass(frozen=True)
class Pauses:
    """The intervals of docs/websocket.md, shorter where a test says so."""

    base_s: float = 0.5
    longest_s: float = 30.0
    stable_s: float = 60.0
    too_many_s: float = 10.0
    silence_s: float = 35.0
    """Without any message, pings included, the connection counts as lost."""


class LiveClient:
    """Follows the jobs of one user.

    Args:
        port: Of the gateway, or of what stands before it.
        token: Returns an access token that is valid now.
        pauses: Between tries.
    """

    def __init__(self, port: int, token: Callable[[], Awaitable[str]], pauses: Pauses) -> None:
        self._port = port
        self._token = token
        self._pauses = pauses
        self._cursor: int | None = None
        self._failure_count = 0
        self._goaway_s = 0.0
        self.connect_count = 0
        """Connections that were tried."""
        self.message_count = 0
        """Messages that were heard."""
        self.jobs: dict[str, tuple[int, str]] = {}
        """Version and status of each job."""
        self.close_codes: list[int] = []
        """With which connections have ended; 1006 for one that was lost."""
        self.changed = asyncio.Event()
        """Set at every message."""

    async def run(self) -> None:
        """Follow until cancelled, or until the gateway says not to come back."""
        while True:
            began_at_s = asyncio.get_running_loop().time()
            code = await self._connection()
            self.close_codes.append(code)
            self.changed.set()
            if 4400 <= code < 4500 or code in (1002, 1007, 1009):
                return
            if asyncio.get_running_loop().time() - began_at_s >= self._pauses.stable_s:
                self._failure_count = 0
            await asyncio.sleep(self._pause_s(code))

    def _pause_s(self, code: int) -> float:
        least_s, self._goaway_s = self._goaway_s, 0.0
        if code == _TOO_MANY_COMMANDS:
            least_s = self._pauses.too_many_s
        most_s = min(self._pauses.base_s * 2**self._failure_count, self._pauses.longest_s)
        self._failure_count += 1
        return least_s + random.uniform(0, most_s)

    async def _connection(self) -> int:
        self.connect_count += 1
        address = f"ws://127.0.0.1:{self._port}/ws"
        options: dict[str, Any] = {"subprotocols": [Subprotocol("clipferry.v1")], "proxy": None, "ping_interval": None}
        try:
            async with asyncio.timeout(self._pauses.silence_s):
                connection = await connect(address, **options, close_timeout=0.1)
        except (OSError, InvalidHandshake, TimeoutError):
            return 1006
        code = 1006
        try:
            await self._follow(connection)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
        except TimeoutError:
            pass
        finally:
            await connection.close()
        return code

    async def _follow(self, connection: ClientConnection) -> None:
        await _say(connection, type="hello", token=await self._token(), protocol=1)
        cursor = {} if self._cursor is None else {"cursor": self._cursor}
        await _say(connection, type="subscribe", channel="jobs", **cursor)
        while True:
            async with asyncio.timeout(self._pauses.silence_s):
                message = json.loads(await connection.recv())
            check_spoken(message)
            self.message_count += 1
            if message["type"] == "ping":
                await _say(connection, type="pong")
            self._take(message)
            self.changed.set()

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "goaway":
            self._goaway_s = message["reconnectAfterMs"] / 1000 * self._pauses.base_s
        elif kind == "subscribed" and message["snapshot"]:
            for job in message["snapshot"]["jobs"]:
                self._know(job["id"], job["version"], job["status"])
            self._cursor = message["cursor"]
        elif kind in _CHANGES:
            self._know(message["jobId"], message["version"], message.get("status", "processing"))
            self._cursor = message["cursor"]

    def _know(self, job_id: str, version: int, status: str) -> None:
        if version >= self.jobs.get(job_id, (0, ""))[0]:
            self.jobs[job_id] = version, status

    async def until(self, holds: Callable[[], bool], *, within_s: float = 20) -> None:
        """Wait until `holds` after some message."""
        async with asyncio.timeout(within_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


async def _say(connection: ClientConnection, **message: Any) -> None:
    check_said(message)
    await connection.send(json.dumps(message))
