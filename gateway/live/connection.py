"""One client's conversation: hello, subscriptions, pings, goodbye."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.types import Receive

from clipferry.queue.v1 import job_pb2
from gateway.auth.caller import Caller
from gateway.auth.gate import Gate
from gateway.live.commands import Command, MalformedFrameError, RefusedCommandError, read_command
from gateway.live.frames import text_frame
from gateway.live.hub import Hub
from gateway.live.messages import (
    Beat,
    GoAway,
    Heartbeat,
    Limits,
    Refused,
    Said,
    TokenRefreshed,
    Welcome,
)
from gateway.live.pacing import MAX_PER_SECOND
from gateway.live.publisher import Publisher
from gateway.live.rate import CommandRate
from gateway.live.snapshots import Snapshots
from gateway.live.socket import SharedFrameProtocol
from gateway.live.subscriptions import MAX_SUBSCRIPTIONS, Subscriptions
from gateway.views.moment import iso
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Kind, Reason, field_invalid
from services.chassis.lifecycle import background

DRAINING = 4000
TOKEN_EXPIRED = 4010
TOO_MANY_COMMANDS = 4029
MALFORMED = 4400
BAD_TOKEN = 4401
REVOKED = 4403
WRONG_PROTOCOL = 4406
NO_HELLO = 4408

MAX_MESSAGE_BYTES = 64 * 1024
HELLO_TIMEOUT_S = 5.0
_REMEMBERED_ENDS = 1_000
_RECONNECT_AFTER_MS = (500, 3_000)


@dataclass(frozen=True)
class Live:
    """What all connections share."""

    gate: Gate
    hub: Hub
    publisher: Publisher
    snapshots: Snapshots
    clock: Clock
    ping_interval_ms: int


class Connection:
    """A client that was accepted."""

    caller: Caller

    def __init__(self, live: Live, socket: SharedFrameProtocol) -> None:
        self._live = live
        self.socket = socket
        self.channels: set[str] = set()
        self.jobs_after = 0
        self._ends: dict[str, int] = {}
        self._rate = CommandRate()
        self._subscriptions = Subscriptions(self, live.hub, live.publisher, live.snapshots)
        self._wake = asyncio.Event()
        self._needs_resync = False
        self._reply_count = 0
        self._handlers: Mapping[str, Callable[[Command], Awaitable[None]]] = {
            "hello": self._hello_again,
            "subscribe": self._subscriptions.add,
            "unsubscribe": self._subscriptions.remove,
            "token:refresh": self._refresh,
            "ping": self._pong,
            "pong": self._ignore,
        }

    async def run(self, receive: Receive, authorization: str | None) -> None:
        """Talk until either side ends it."""
        if not await self._greet(receive, authorization):
            return
        self._live.hub.join(self)
        try:
            async with background(self._keep_alive(), name="ws-keeper"):
                while (text := await self._next_text(receive)) is not None:
                    await self._handle(text)
        finally:
            self._live.hub.leave(self)

    async def _greet(self, receive: Receive, authorization: str | None) -> bool:
        try:
            if authorization is not None:
                self.caller = self._live.gate.caller(authorization)
                self._welcome(None)
                return True
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                text = await self._next_text(receive)
            return text is not None and self._hello(text)
        except TimeoutError:
            self.socket.close(NO_HELLO, "no hello")
        except MalformedFrameError:
            self.socket.close(MALFORMED, "malformed frame")
        except RefusedCommandError as refused:
            self._send_away(refused.command_id, refused.error)
        except ClipferryError as error:
            self._send_away(None, error)
        return False

    def _hello(self, text: str) -> bool:
        """Carry out the first command; returns whether the client may stay. Raises as `read_command` does."""
        command = read_command(text)
        try:
            if command.type != "hello":
                raise ClipferryError(Reason.UNAUTHENTICATED, "The first message must be hello, with a token.")
            self._check_protocol(command)
            self.caller = self._live.gate.verify(command.token or "")
        except ClipferryError as error:
            raise RefusedCommandError(command.id, error) from error
        self._welcome(command.id)
        return self.socket.is_open

    def _send_away(self, command_id: str | int | None, error: ClipferryError) -> None:
        self.refuse(command_id, error)
        self.socket.close(TOKEN_EXPIRED if error.reason is Reason.TOKEN_EXPIRED else BAD_TOKEN, error.reason.name)

    def _check_protocol(self, command: Command) -> None:
        if command.protocol != 1:
            self.socket.close(WRONG_PROTOCOL, "this gateway speaks protocol 1")

    async def _next_text(self, receive: Receive) -> str | None:
        """Return the next text message; None when the connection is over."""
        message = await receive()
        while message["type"] == "websocket.connect":
            message = await receive()
        if message["type"] != "websocket.receive" or not self.socket.is_open:
            return None
        text: str | None = message.get("text")
        if text is None:
            self.socket.close(MALFORMED, "binary frame")
        return text

    async def _handle(self, text: str) -> None:
        if not self._rate.admits(self._live.clock.monotonic_s()):
            self.socket.close(TOO_MANY_COMMANDS, "too many commands")
            return
        try:
            await self._carry_out(read_command(text))
        except MalformedFrameError:
            self.socket.close(MALFORMED, "malformed frame")
        except RefusedCommandError as refused:
            self.refuse(refused.command_id, refused.error)

    async def _carry_out(self, command: Command) -> None:
        try:
            handler = self._handlers.get(command.type)
            if handler is None:
                raise field_invalid("type", f"must be of {', '.join(self._handlers)}", command.type)
            await handler(command)
        except ClipferryError as error:
            raise RefusedCommandError(command.id, error) from error

    async def _hello_again(self, command: Command) -> None:
        self._check_protocol(command)
        if self._take_token(command.token):
            self._welcome(command.id)

    async def _refresh(self, command: Command) -> None:
        if self._take_token(command.token):
            expires_at = iso(self.caller.expires_at_s * 1000)
            self.reply(TokenRefreshed("token:refreshed", self._now(), command.id, expires_at))

    def _take_token(self, token: str | None) -> bool:
        try:
            caller = self._live.gate.verify(token or "")
        except ClipferryError as error:
            self.socket.close(TOKEN_EXPIRED if error.reason is Reason.TOKEN_EXPIRED else BAD_TOKEN, error.reason.name)
            return False
        if (caller.user_id, caller.session_id) != (self.caller.user_id, self.caller.session_id):
            self.socket.close(BAD_TOKEN, "token of another session")
            return False
        self.caller = caller
        self._wake.set()
        return True

    async def _pong(self, command: Command) -> None:
        self.reply(Beat("pong", self._now(), command.id, self._now()))

    async def _ignore(self, command: Command) -> None:
        """A pong needs no answer."""

    def hears_end(self, job: job_pb2.Job) -> bool:
        """Return whether the client has not heard of this end yet; it has from now on."""
        if self._ends.get(job.name) == job.version:
            return False
        self._ends[job.name] = job.version
        if len(self._ends) > _REMEMBERED_ENDS:
            del self._ends[next(iter(self._ends))]
        return True

    def resync(self) -> None:
        """Have the job channels sent again as snapshots."""
        self._needs_resync = True
        self._wake.set()

    def go_away(self, reason: str) -> None:
        """Say goodbye, with a time to come back that differs from client to client, and close."""
        self.reply(GoAway("goaway", self._now(), reason, random.randint(*_RECONNECT_AFTER_MS)))
        self.socket.close(DRAINING, reason)

    async def _keep_alive(self) -> None:
        """Ping, close when the token is over, and send snapshots again when changes were missed."""
        clock = self._live.clock
        ping_at_s = clock.monotonic_s() + self._live.ping_interval_ms / 1000
        while self.socket.is_open:
            token_left_s = self.caller.expires_at_s - clock.time_ms() / 1000
            if token_left_s <= 0:
                self.socket.close(TOKEN_EXPIRED, "token expired")
                return
            ping_left_s = ping_at_s - clock.monotonic_s()
            if ping_left_s <= 0:
                self.reply(Beat("ping", self._now(), None, self._now()))
                ping_at_s += self._live.ping_interval_ms / 1000
                continue
            try:
                async with asyncio.timeout(min(ping_left_s, token_left_s)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()
            if self._needs_resync:
                self._needs_resync = False
                await self._subscriptions.send_jobs_again()

    def _welcome(self, command_id: str | int | None) -> None:
        self.reply(
            Welcome(
                type="welcome",
                timestamp=self._now(),
                id=command_id,
                protocol=1,
                connection_id=secrets.token_urlsafe(9),
                server_time=self._now(),
                token_expires_at=iso(self.caller.expires_at_s * 1000),
                user=self.caller.user_id,
                heartbeat=Heartbeat(self._live.ping_interval_ms),
                limits=Limits(MAX_SUBSCRIPTIONS, MAX_MESSAGE_BYTES, MAX_PER_SECOND),
            )
        )

    def refuse(self, command_id: str | int | None, error: ClipferryError) -> None:
        """Say why a command was not carried out."""
        temporary = error.reason.kind in (Kind.UNAVAILABLE, Kind.EXHAUSTED)
        self.reply(Refused("error", self._now(), command_id, error.reason.name, error.message, temporary))

    def reply(self, message: Said) -> None:
        """Send an answer."""
        self._reply_count += 1
        self.socket.push(text_frame(message), ("reply", self._reply_count))

    def _now(self) -> str:
        return self._live.publisher.now()
