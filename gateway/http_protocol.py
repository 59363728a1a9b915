"""uvicorn's HTTP protocol, with limits on what a client may send and how slowly, and a problem for what it cannot read.

It leans on names inside uvicorn (`send_400_response`, `on_url`, `on_header`, `cycle` and more), which is why uvicorn is
pinned and a test speaks to it over a socket.
"""

import asyncio
import contextvars
import ipaddress
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.api.problems import problem
from gateway.api.request_id import HEADER, begin_request
from gateway.http_exchange import Exchange
from gateway.limits.addresses import network_of
from gateway.live.handshake import handshake_of
from gateway.live.socket import SharedFrameProtocol
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

HEAD_LIMIT_BYTES = 64 * 1024
_COME_BACK_AFTER_S = 5.0
_FIRST_WORD_S = 0.5
"""For the first request on a connection that was made just before the gateway stops: it is on its way."""


@dataclass(frozen=True, slots=True)
class HttpTerms:
    """How patient the gateway is with HTTP clients."""

    head_timeout_s: float = 20.0
    """For the address and the headers of a request, and between a connection and its first request."""
    body_timeout_s: float = 30.0
    """For the body of a request."""
    connections_per_address: int = 1_000
    """Open HTTP connections of one client address."""
    proxies: frozenset[ipaddress.IPv4Network | ipaddress.IPv6Network] = frozenset()
    """Those in front, whose connections are everybody's and have no limit."""


class _HeadTooLargeError(Exception):
    """Ends the parser; nobody sees it."""


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    terms: ClassVar[HttpTerms] = HttpTerms()
    open_counts: ClassVar[Counter[str]] = Counter()
    """Open connections by address."""

    _counted_as = ""
    """Under which address this one is counted; empty: it is not."""
    _due_at_s: float | None = None
    """When what the client is sending, or its next request, must be there; None while it is our turn."""
    _timer: asyncio.TimerHandle | None = None
    """Looks at that, now and then: a timer for each request would cost more than reading it."""
    _head_bytes = 0
    """Of the present request: what has been read of its address and headers."""
    _pending_bytes = 0
    """What has come of a head that is not complete."""
    _is_in_head = False
    _is_in_message = False
    _is_upgraded = False
    _is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if address and not self._is_proxy(address):
            self._counted_as = network_of(address)
            self.open_counts[self._counted_as] += 1
            limit = self.terms.connections_per_address
            if self.open_counts[self._counted_as] > limit:
                said = f"There may be {limit} connections from one address, and there are; come back later."
                self._turn_away(
                    ClipferryError(Reason.UNAVAILABLE, said, retry_after_s=_COME_BACK_AFTER_S, limit_count=limit)
                )
                return
        self._expect_within(self.terms.head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over.

        It is counted here, and has the time of a head, until the handshake is answered: then it is a live one, and
        those have limits of their own.
        """
        is_behind_another = self.cycle is not None and not self.cycle.response_complete
        try:
            request = handshake_of(self.scope, self.url, self.headers)
        except ClipferryError:
            request = None
        if request is None or is_behind_another:  # the answer to the other one would come in between the frames
            self.send_400_response("")
            return
        self._is_upgraded = True
        self._expect_within(self.terms.head_timeout_s)
        self.parser = None  # type: ignore[assignment] # it knows this object, and each would keep the other
        self.connections.discard(self)
        make = cast("type[SharedFrameProtocol]", self.ws_protocol_class)
        protocol = make(config=self.config, server_state=self.server_state, app_state=self.app_state)
        protocol.when_answered = self._let_go
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.handle_connect(request)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        super().data_received(data)
        if self._is_idle():
            # Blank lines before a request begin none.
            self._expect_within(self.terms.head_timeout_s, or_sooner=True)
        # The parser keeps an endless line to itself, without asking. What begins within `data` may follow a body.
        self._pending_bytes = self._pending_bytes + len(data) if was_in_head and self._is_in_head else 0
        if self._pending_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._is_in_message, self._head_bytes = True, True, 0
        self._expect_within(self.terms.head_timeout_s)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._expect_within(self.terms.body_timeout_s)
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.__class__ = Exchange  # uvicorn has no other place to name it; its task has not begun
            self.cycle.keep_alive &= not self._is_leaving

    def on_message_complete(self) -> None:
        self._is_in_message = False
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._expect_within(self.timeout_keep_alive)
        else:
            self._due_at_s = None

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._is_in_message:
            self._expect_within(self.timeout_keep_alive)

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > HEAD_LIMIT_BYTES:
            raise _HeadTooLargeError

    def shutdown(self) -> None:
        """Answer what has been asked, or is about to be, and hang up after that."""
        self._is_leaving = True
        if not self._head_bytes:
            self._expect_within(_FIRST_WORD_S, or_sooner=True)
        elif not self._is_in_head:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and close. `msg`, uvicorn's words, is not passed on."""
        # In a context of its own: the request has no task, and its name must not stay with the connection.
        contextvars.copy_context().run(self._refuse)

    def _refuse(self) -> None:
        if max(self._head_bytes, self._pending_bytes) > HEAD_LIMIT_BYTES:
            said = f"The address and the headers of a request may have {HEAD_LIMIT_BYTES} bytes together."
            error = ClipferryError(Reason.HEAD_TOO_LARGE, said, limit_bytes=HEAD_LIMIT_BYTES)
        else:
            error = ClipferryError(Reason.REQUEST_UNREADABLE)
        self._answer(error)

    def _turn_away(self, error: ClipferryError) -> None:
        contextvars.copy_context().run(self._answer, error)

    def _answer(self, error: ClipferryError) -> None:
        name = begin_request(None)
        answer = problem(error, "", {HEADER.decode(): name, "Connection": "close"})
        status = HTTPStatus(answer.status_code)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        lines += [header + b": " + value for header, value in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()

    def _is_proxy(self, address: str) -> bool:
        found = ipaddress.ip_address(address.partition("%")[0])
        return any(found in network for network in self.terms.proxies)

    def _is_idle(self) -> bool:
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and not self._is_in_message and self._is_open()

    def _is_open(self) -> bool:
        return self.parser is not None and not self._is_upgraded and not self.transport.is_closing()

    def _expect_within(self, timeout_s: float, *, or_sooner: bool = False) -> None:
        due_at_s = self.loop.time() + timeout_s
        if or_sooner and self._due_at_s is not None:
            due_at_s = min(due_at_s, self._due_at_s)
        self._due_at_s = due_at_s
        if self._timer is None or due_at_s < self._timer.when():
            self._stop_timer()
            self._timer = self.loop.call_at(due_at_s, self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._due_at_s is None:
            return  # whoever sets the next moment sets a timer as well
        if self._due_at_s > self.loop.time():
            self._timer = self.loop.call_at(self._due_at_s, self._look)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """End a connection on which a request does not come, or not to its end. Its task hears that it is gone."""
        if self._is_in_head and self.cycle is not None and not self.cycle.response_complete:
            self._expect_within(self.terms.head_timeout_s)  # we do not read on before the answer to the one before
            return
        if self._is_in_message or self.cycle is None:
            logger.debug("A client was too slow.", action="http_client_slow", is_in_head=self._is_in_head)
        self.transport.close()

    def _let_go(self) -> None:
        self._due_at_s = None
        self._stop_timer()
        if self._counted_as:
            self.open_counts[self._counted_as] -= 1
            if not self.open_counts[self._counted_as]:
                del self.open_counts[self._counted_as]
            self._counted_as = ""


def http_protocol_with(terms: HttpTerms) -> type[HttpProtocol]:
    """Return the protocol of a server with these terms."""
    return type("HttpProtocol", (HttpProtocol,), {"terms": terms, "open_counts": Counter()})
