"""The one way out to the web: a forward proxy that connects only to public addresses, and to those it has checked."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias, cast

import structlog

from services.processor.adapters.addresses import AllowList, is_allowed_port, is_internal_name, is_public
from services.processor.adapters.messages import REFUSED_REASON, UNREACHABLE_REASON, UNRESOLVED_REASON
from services.processor.adapters.passes import Pass
from services.processor.adapters.proxy_head import BadHeadError, Head, parse_head
from services.processor.adapters.relay import Relay

logger = structlog.get_logger(__name__)

_END = "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_REFUSED = f"HTTP/1.1 403 {REFUSED_REASON}{_END}".encode()
_UNRESOLVED = f"HTTP/1.1 404 {UNRESOLVED_REASON}{_END}".encode()
_UNREACHABLE = f"HTTP/1.1 502 {UNREACHABLE_REASON}{_END}".encode()
# ffmpeg shows its credentials only after it was asked for them.
_WHO = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=egress\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_TUNNEL_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"

_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_HEAD_LIMIT_BYTES = 64 * 1024
_HEAD_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_S = 10.0


Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host, for a port; raises what `getaddrinfo` raises."""


class EgressRefusedError(Exception):
    """A target that may not be reached. The message is for the log."""


class NameUnresolvedError(Exception):
    """A target of a name that nobody has."""


class Egress:
    """A listening proxy. Every connection belongs to a pass, and ends with it."""

    def __init__(self, allow: AllowList, resolve: Resolve) -> None:
        self._allow = allow
        self._resolve = resolve
        self._passes: set[Pass] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @contextmanager
    def open_pass(self) -> Iterator[Pass]:
        """Let one job out for the length of the block; its connections are cut with it."""
        opened = Pass(self.port)
        self._passes.add(opened)
        try:
            yield opened
        finally:
            self._passes.discard(opened)
            opened.close()

    def pass_of(self, credentials: str) -> Pass | None:
        """Return the open pass with these credentials."""
        return next((opened for opened in self._passes if opened.fits(credentials)), None)

    def serve(self, client: "_Client", head: Head, opened: Pass) -> None:
        """Connect `client` to where it wants to go, in the background."""
        task = asyncio.get_running_loop().create_task(self._connect(client, head, opened), name="egress-connect")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is under way."""
        for opened in self._passes:
            opened.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, client: "_Client", head: Head, opened: Pass) -> None:
        try:
            addresses = await self._checked_addresses(head.host, head.port)
            site = await _open_site(addresses, head.port)
        except EgressRefusedError as denied:
            opened.refused_count += 1
            logger.warning("A target was refused.", action="egress_refused", cause=str(denied), port=head.port)
            client.answer(_REFUSED)
        except NameUnresolvedError:
            client.answer(_UNRESOLVED)
        except OSError:
            client.answer(_UNREACHABLE)
        else:
            client.join(site, head, opened)

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        is_listed = (host, port) in self._allow
        if not is_listed and not is_allowed_port(port):
            raise EgressRefusedError("port")
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            if is_internal_name(host):
                # A private network's names are refused whether there is one or not.
                raise EgressRefusedError("internal name") from error
            if isinstance(error, UnicodeError) or error.errno in _NO_SUCH_NAME:
                raise NameUnresolvedError from error
            raise
        # One private address among public ones is an attack, not a mistake.
        if not addresses or not (is_listed or all(is_public(ipaddress.ip_address(text)) for text in addresses)):
            raise EgressRefusedError("address")
        return addresses


@asynccontextmanager
async def open_egress(allow: AllowList = frozenset(), resolve: Resolve | None = None) -> AsyncIterator[Egress]:
    """Serve the proxy on a free port of 127.0.0.1 for the length of the block.

    Args:
        allow: Targets that may be reached whatever their address and port.
        resolve: Default: the system's resolver.
    """
    egress = Egress(allow, resolve or _resolve)
    server = await asyncio.get_running_loop().create_server(lambda: _Client(egress), "127.0.0.1", 0, backlog=128)
    egress.port = server.sockets[0].getsockname()[1]
    try:
        yield egress
    finally:
        server.close()
        await egress.stop()


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


async def _open_site(addresses: list[str], port: int) -> socket.socket:
    """Return a connected socket that does not block."""
    failure = OSError("no address")
    for address in addresses:
        site = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            site.setblocking(False)
            site.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().sock_connect(site, (address, port))
        except OSError as error:
            site.close()
            failure = error
        except BaseException:
            site.close()
            raise
        else:
            return site
    raise failure


class _Client(asyncio.Protocol):
    """A connection of yt-dlp or ffmpeg, until it is joined to a site: reads one head."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._transport: asyncio.Transport
        self._pass: Pass | None = None
        self._head = bytearray()
        self._late: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._late = asyncio.get_running_loop().call_later(_HEAD_TIMEOUT_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._transport.pause_reading()
            self._late.cancel()
            self._admit()
        elif len(self._head) > _HEAD_LIMIT_BYTES:
            self._transport.abort()

    def _admit(self) -> None:
        try:
            head = parse_head(bytes(self._head))
        except BadHeadError as error:
            logger.warning("A request was refused.", action="egress_refused", cause=str(error))
            self.answer(_REFUSED)
            return
        opened = self._egress.pass_of(head.credentials)
        if opened is None:
            self.answer(_WHO)
            return
        self._pass = opened
        opened.clients.add(self._transport)
        if head.is_refused:
            opened.refused_count += 1
            self.answer(_REFUSED)
            return
        self._egress.serve(self, head, opened)

    def join(self, site: socket.socket, head: Head, opened: Pass) -> None:
        """Pass bytes on between the two from here on; this connection goes on under another name."""
        if self._transport.is_closing():
            site.close()
            return
        joined = [site]
        try:
            joined.append(self._transport.get_extra_info("socket").dup())
            if head.is_tunnel:
                self._transport.write(_TUNNEL_OPEN)
            Relay(joined[1], site, opened, asked=head.forwarded)
        except OSError:  # no descriptors are left
            for one in joined:
                one.close()
        finally:
            self._transport.abort()

    def answer(self, response: bytes) -> None:
        """Send `response` and hang up."""
        self._transport.write(response)
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._late.cancel()
        if self._pass is not None:
            self._pass.clients.discard(self._transport)
