"""The beginning of a WebSocket. Its head is read by the HTTP protocol, as that of any request: with one set of limits.

Of two readers the stricter one would end what the other has let in, and websockets ends what it cannot read in silence.
"""

import contextvars
import email.utils
from collections.abc import Generator, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import httptools
import structlog
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import Protocol
from websockets.server import ServerProtocol

from gateway.api.problems import problem
from gateway.api.request_id import HEADER, begin_request
from services.chassis.errors import ClipferryError, Reason

logger = structlog.get_logger(__name__)

_SWITCHING = 101
_LONGEST_CHARACTERS = 200
"""Of what is said about a handshake that is none: it may quote what the client sent."""


class Handshake(ServerProtocol):
    """websockets' state machine, of a request that has been read already."""

    def parse(self) -> Generator[None]:
        """Read frames; what comes is no head any more."""
        yield from Protocol.parse(self)

    def accept(self, request: Request) -> Response:
        """Return the answer to a handshake; to what is none, a problem."""
        error = _body_refusal(request)
        if error is None:
            response = super().accept(request)
            if response.status_code == _SWITCHING:
                return response
            error = _refusal(request, str(self.handshake_exc))
        logger.debug("A handshake was refused.", action="handshake_refused", reason=error.reason.name)
        # In a context of its own: its name must not stay with the connection.
        return contextvars.copy_context().run(_answer, error, request)


def handshake_of(scope: Mapping[str, Any], url: bytes, fields: Iterable[tuple[bytes, bytes]]) -> Request:
    """Return a request that wants to become a WebSocket, as websockets has it.

    Args:
        scope: With its `method` and `http_version`.
        url: As it was sent.
        fields: Of its head.

    Raises:
        ClipferryError: REQUEST_UNREADABLE when the address is none.
    """
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
        query = "" if parsed.query is None else f"?{parsed.query.decode('ascii')}"
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError) as error:
        raise ClipferryError(Reason.REQUEST_UNREADABLE) from error
    headers = Headers([(name.decode("ascii"), value.strip(b" \t").decode("latin-1")) for name, value in fields])
    return Request(f"{path}{query}", headers, scope["method"], f"HTTP/{scope['http_version']}")


def _body_refusal(request: Request) -> ClipferryError | None:
    lengths = set(request.headers.get_all("Content-Length"))
    if lengths <= {"0"} and not request.headers.get_all("Transfer-Encoding"):
        return None
    return ClipferryError(Reason.REQUEST_UNREADABLE, "The handshake of a WebSocket has no body.")


def _refusal(request: Request, why: str) -> ClipferryError:
    if request.method != "GET":
        said = f"The handshake of a WebSocket is a GET, not {request.method}."
        return ClipferryError(Reason.METHOD_NOT_ALLOWED, said)
    said = f"This is no handshake of a WebSocket: {why[:_LONGEST_CHARACTERS]}."
    return ClipferryError(Reason.REQUEST_UNREADABLE, said)


def _answer(error: ClipferryError, request: Request) -> Response:
    name = begin_request(None)
    said = problem(error, request.path.partition("?")[0])
    headers = Headers([(key.decode("latin-1"), value.decode("latin-1")) for key, value in said.raw_headers])
    headers[HEADER.decode()] = name
    headers["Date"] = email.utils.formatdate(usegmt=True)
    headers["Connection"] = "close"
    # RFC 6455, section 4.2.2: what is spoken here.
    headers["Upgrade"], headers["Sec-WebSocket-Version"] = "websocket", "13"
    if error.reason is Reason.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    return Response(said.status_code, HTTPStatus(said.status_code).phrase, headers, bytes(said.body))
