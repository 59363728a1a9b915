"""What happens on a connection by itself: pings, the end of its token, state that is owed to the client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.auth.caller import Caller
from gateway.live.closing import SILENT, TOKEN_EXPIRED
from gateway.live.frames import PING_FRAME, text_frame
from gateway.live.messages import Beat
from gateway.live.publisher import Publisher
from gateway.live.socket import SharedFrameProtocol
from gateway.live.terms import LiveTerms
from services.chassis.clock import Clock

_PING = "ping"
_AGAIN_S = 2.0
"""Between two tries to get a state that could not be had."""


class Kept(Protocol):
    """A connection that is kept alive."""

    socket: SharedFrameProtocol
    caller: Caller


class Keeper:
    """Keeps one connection alive as long as it is worth it.

    Args:
        kept: The connection.
        send_states: Answers again for channels whose state the client is owed; returns whether it owes no more.
        terms: Intervals.
        clock: For them.
        publisher: Knows the time for messages.
    """

    __slots__ = (
        "_clock",
        "_interval_s",
        "_kept",
        "_ping_at_s",
        "_publisher",
        "_send_states",
        "_silent_at_s",
        "_states_at_s",
        "_timeout_s",
        "_woken",
    )

    def __init__(
        self,
        kept: Kept,
        send_states: Callable[[], Awaitable[bool]],
        *,
        terms: LiveTerms,
        clock: Clock,
        publisher: Publisher,
    ) -> None:
        self._kept = kept
        self._send_states = send_states
        self._interval_s = terms.ping_interval_ms / 1000
        self._timeout_s = terms.ping_timeout_s
        self._clock = clock
        self._publisher = publisher
        self._woken = asyncio.Event()
        self._ping_at_s = clock.monotonic_s() + self._interval_s
        self._silent_at_s: float | None = None
        """When the client counts as gone unless it says something; None: it has."""
        self._states_at_s: float | None = None
        """When to send the states that are owed; None: none are."""

    def owe_states(self, *, soon: bool) -> None:
        """Have `send_states` called: at once, or in a while because it was just tried."""
        self._states_at_s = self._clock.monotonic_s() + (0.0 if soon else _AGAIN_S)
        self._woken.set()

    def wake(self) -> None:
        """Look at the token again: there is a new one."""
        self._woken.set()

    async def run(self) -> None:
        """Work until the connection is closed."""
        while self._kept.socket.is_open:
            left_s = self._act()
            if left_s is None:
                return
            if self._states_at_s is not None and self._states_at_s <= self._clock.monotonic_s():
                self._states_at_s = None
                if not await self._send_states():
                    self._states_at_s = self._clock.monotonic_s() + _AGAIN_S
                continue
            try:
                async with asyncio.timeout(left_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()

    def _act(self) -> float | None:
        """Do what is due; returns the seconds until something may be due again, None once the connection is closed."""
        socket, now_s = self._kept.socket, self._clock.monotonic_s()
        token_left_s = self._kept.caller.expires_at_s - self._clock.time_ms() / 1000
        if token_left_s <= 0:
            socket.close(TOKEN_EXPIRED, "token expired")
            return None
        if self._silent_at_s is not None:
            if socket.was_heard:
                self._silent_at_s = None
            elif self._silent_at_s <= now_s:
                socket.close(SILENT, "no answer to a ping")
                return None
        if self._ping_at_s <= now_s:
            self._ping(now_s)
        moments_s = (self._ping_at_s, self._silent_at_s, self._states_at_s)
        return min(token_left_s, *(at_s - now_s for at_s in moments_s if at_s is not None))

    def _ping(self, now_s: float) -> None:
        """Ping twice: pages and their workers see the text, and every client answers the frame by itself."""
        if self._silent_at_s is None:
            self._kept.socket.was_heard = False
            self._silent_at_s = now_s + self._timeout_s
        said_at = self._publisher.now()
        self._kept.socket.push(text_frame(Beat("ping", said_at, None, said_at)) + PING_FRAME, _PING)
        self._ping_at_s = max(self._ping_at_s + self._interval_s, now_s)
