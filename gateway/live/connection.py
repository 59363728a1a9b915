"""One client's conversation: hello, commands, goodbye."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.types import Receive

from clipferry.queue.v1 import job_pb2
from gateway.auth.caller import Caller
from gateway.auth.gate import Gate
from gateway.live.closing import (
    BAD_TOKEN,
    DRAINING,
    MALFORMED,
    NO_HELLO,
    TOO_MANY,
    WRONG_PROTOCOL,
    goodbye,
)
from gateway.live.commands import Command, MalformedFrameError, RefusedCommandError, read_command
from gateway.live.door import Door, Visit
from gateway.live.frames import text_frame
from gateway.live.hub import Hub
from gateway.live.keeper import Keeper
from gateway.live.messages import Beat, GoAway, Refused, Said, TokenRefreshed
from gateway.live.numbers import Numbers
from gateway.live.publisher import Publisher
from gateway.live.rate import CommandRate
from gateway.live.snapshots import Snapshots
from gateway.live.socket import SharedFrameProtocol
from gateway.live.subscriptions import Subscriptions
from gateway.live.terms import LiveTerms
from gateway.live.welcome import welcome
from gateway.views.moment import iso
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Kind, Reason, field_invalid
from services.chassis.lifecycle import background

_REMEMBERED_ENDS = 1_000
_RECONNECT_AFTER_MS = (500, 3_000)


@dataclass(frozen=True)
class Live:
    """What all connections share."""

    gate: Gate
    hub: Hub
    publisher: Publisher
    snapshots: Snapshots
    numbers: Numbers
    clock: Clock
    terms: LiveTerms
    door: Door


class Connection:
    """A client that was accepted."""

    __slots__ = (
        "_address",
        "_ends",
        "_keeper",
        "_live",
        "_rate",
        "_subscriptions",
        "caller",
        "channels",
        "jobs_after",
        "socket",
    )
    caller: Caller

    def __init__(self, live: Live, socket: SharedFrameProtocol) -> None:
        self._live = live
        self.socket = socket
        self.channels: set[str] = set()
        self.jobs_after = 0
        self._ends: dict[str, int] = {}
        self._rate = CommandRate(live.terms.commands_per_minute)
        self._subscriptions = Subscriptions(
            self,
            live.hub,
            live.publisher,
            live.snapshots,
            live.numbers,
            limit_count=live.terms.subscription_count,
        )
        self._keeper = Keeper(
            self, self._subscriptions.send_owed, terms=live.terms, clock=live.clock, publisher=live.publisher
        )

    async def run(self, receive: Receive, authorization: str | None, visit: Visit) -> None:
        """Talk until either side ends it."""
        self._address = visit.address
        try:
            await self._converse(receive, authorization, visit)
        finally:
            # Both know this object: circles, which only the garbage collector could undo.
            del self._subscriptions, self._keeper

    async def _converse(self, receive: Receive, authorization: str | None, visit: Visit) -> None:
        if not await self._greet(receive, authorization):
            return
        visit.greeted()
        self._live.hub.join(self)
        try:
            async with background(self._keeper.run(), name="ws-keeper"):
                while (text := await self._next_text(receive)) is not None:
                    await self._handle(text)
        finally:
            self._live.hub.leave(self)

    async def _greet(self, receive: Receive, authorization: str | None) -> bool:
        try:
            async with asyncio.timeout(self._live.terms.hello_timeout_s):
                if authorization is not None:
                    self.caller = await self._live.gate.caller(authorization, self._address)
                    self._welcome(None)
                    return True
                text = await self._next_text(receive)
                return text is not None and await self._hello(text)
        except TimeoutError:
            self.socket.close(NO_HELLO, "no hello")
        except MalformedFrameError:
            self.socket.close(MALFORMED, "malformed frame")
        except RefusedCommandError as refused:
            self._send_away(refused.command_id, refused.error)
        except ClipferryError as error:
            self._send_away(None, error)
        return False

    async def _hello(self, text: str) -> bool:
        """Carry out the first command; returns whether the client may stay. Raises as `read_command` does."""
        command = read_command(text)
        try:
            if command.type != "hello":
                raise ClipferryError(Reason.UNAUTHENTICATED, "The first message must be hello, with a token.")
            self._check_protocol(command)
            self.caller = await self._live.gate.verify(command.token or "", self._address)
        except ClipferryError as error:
            raise RefusedCommandError(command.id, error) from error
        self._welcome(command.id)
        return self.socket.is_open

    def _send_away(self, command_id: str | int | None, error: ClipferryError) -> None:
        self.refuse(command_id, error)
        self.socket.close(goodbye(error.reason), error.reason.name)

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
            self.socket.close(TOO_MANY, "too many commands")
            return
        try:
            await self._carry_out(read_command(text))
        except MalformedFrameError:
            self.socket.close(MALFORMED, "malformed frame")
        except RefusedCommandError as refused:
            self.refuse(refused.command_id, refused.error)

    async def _carry_out(self, command: Command) -> None:
        try:
            handler = _HANDLERS.get(command.type)
            if handler is None:
                raise field_invalid("type", f"must be of {', '.join(_HANDLERS)}", command.type)
            await handler(self, command)
        except ClipferryError as error:
            raise RefusedCommandError(command.id, error) from error

    async def _hello_again(self, command: Command) -> None:
        self._check_protocol(command)
        if await self._take_token(command.token):
            self._welcome(command.id)

    async def _refresh(self, command: Command) -> None:
        if await self._take_token(command.token):
            expires_at = iso(self.caller.expires_at_s * 1000)
            self.reply(TokenRefreshed("token:refreshed", self._now(), command.id, expires_at))

    async def _take_token(self, token: str | None) -> bool:
        try:
            caller = await self._live.gate.verify(token or "", self._address)
        except ClipferryError as error:
            if error.reason.kind in (Kind.UNAVAILABLE, Kind.EXHAUSTED):
                raise  # the token before is still good
            self._send_away(None, error)
            return False
        if (caller.user_id, caller.session_id) != (self.caller.user_id, self.caller.session_id):
            self.socket.close(BAD_TOKEN, "token of another session")
            return False
        may_hear_as_before = caller.scopes == self.caller.scopes
        self._live.hub.change_caller(self, caller)
        if not may_hear_as_before:
            self._subscriptions.remove_forbidden()
            self.resync()
        self._keeper.wake()
        return True

    async def _subscribe(self, command: Command) -> None:
        await self._subscriptions.add(command)

    async def _unsubscribe(self, command: Command) -> None:
        await self._subscriptions.remove(command)

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
        self._subscriptions.owe_jobs()
        self._keeper.owe_states(soon=True)

    def send_later(self) -> None:
        """Have the states sent that could not be had just now."""
        self._keeper.owe_states(soon=False)

    def go_away(self, reason: str) -> None:
        """Say goodbye, with a time to come back that differs from client to client, and close."""
        self.reply(GoAway("goaway", self._now(), reason, random.randint(*_RECONNECT_AFTER_MS)))
        self.socket.close(DRAINING, reason)

    def _welcome(self, command_id: str | int | None) -> None:
        self.reply(welcome(self.caller, command_id, terms=self._live.terms, publisher=self._live.publisher))

    def refuse(self, command_id: str | int | None, error: ClipferryError) -> None:
        """Say why a command was not carried out."""
        temporary = error.reason.kind in (Kind.UNAVAILABLE, Kind.EXHAUSTED)
        self.reply(Refused("error", self._now(), command_id, error.reason.name, error.message, temporary))

    def reply(self, message: Said) -> None:
        """Send an answer, which must arrive."""
        self.socket.push(text_frame(message))

    def _now(self) -> str:
        return self._live.publisher.now()


_HANDLERS: Mapping[str, Callable[[Connection, Command], Awaitable[None]]] = {
    "hello": Connection._hello_again,
    "subscribe": Connection._subscribe,
    "unsubscribe": Connection._unsubscribe,
    "token:refresh": Connection._refresh,
    "ping": Connection._pong,
    "pong": Connection._ignore,
}
