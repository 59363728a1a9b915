"""Behind a proxy: who asks, by which scheme, host and path, as the proxy says; nobody else is believed."""

import ipaddress
import re

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_PREFIX = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]{1,64}){1,8}")
"""Without the segments . and .., which whoever follows a link would take away."""
_FORWARDED_FOR = b"x-forwarded-for"
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{1,5})?|([^:]*):\d{1,5}")


class Proxies:
    """Rewrites the scope of a request before anything reads it.

    `X-Forwarded-For` and `-Proto` are uvicorn's work; `-Host` and `-Prefix` are added here, and of `-For` only
    addresses are left: anything else would be a client that no limit has counted. A proxy may cut the prefix off the
    path or leave it.

    Args:
        app: What answers.
        trusted: Addresses and networks of the proxies.
        root_path: Path below which the gateway is reached, when no proxy says; empty: at the top.
    """

    def __init__(self, app: ASGIApp, *, trusted: frozenset[str], root_path: str) -> None:
        self._app = app
        self._forwarded = ProxyHeadersMiddleware(self._go_on, trusted_hosts=sorted(trusted))  # type: ignore[arg-type]
        self._trusts_any = bool(trusted)
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        peer = scope.get("client")
        if not self._trusts_any or peer is None or peer[0] not in self._forwarded.trusted_hosts:
            _place(scope, self._root_path)
            await self._go_on(scope, receive, send)
            return
        root_path, headers = self._root_path, Headers(scope=scope)
        host, prefix = headers.get("x-forwarded-host", ""), headers.get("x-forwarded-prefix", "").rstrip("/")
        if _HOST.fullmatch(host):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host.encode()), *others]
        if _PREFIX.fullmatch(prefix):
            root_path = prefix
        _keep_addresses(scope)
        _place(scope, root_path)
        await self._forwarded(scope, receive, send)  # type: ignore[arg-type]

    async def _go_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["root_path"] and scope["path"] == scope["root_path"]:
            # Without the slash at its end, a page's relative addresses would lead beside the gateway.
            await RedirectResponse(f"{scope['root_path']}/", 308)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _keep_addresses(scope: Scope) -> None:
    """Cut `X-Forwarded-For` before the last part that is no address; what stands after it, proxies added."""
    said = [value.decode("latin-1") for name, value in scope["headers"] if name == _FORWARDED_FOR]
    if not said:
        return
    kept: list[str] = []
    for part in reversed(",".join(said).split(",")):
        if not _is_address(part.strip()):
            break
        kept.insert(0, part.strip())
    others = [(name, value) for name, value in scope["headers"] if name != _FORWARDED_FOR]
    scope["headers"] = [*others, (_FORWARDED_FOR, ", ".join(kept).encode())] if kept else others


def _is_address(part: str) -> bool:
    """Return whether it is an IP address, with or without a port: ``[::1]:80``."""
    found = _WITH_PORT.fullmatch(part)
    try:
        ipaddress.ip_address(found[1] or found[2] if found else part)
    except ValueError:
        return False
    return True


def _place(scope: Scope, root_path: str) -> None:
    """Let the path hold the prefix, as ASGI wants it, whether or not the proxy cut it off."""
    scope["root_path"] = root_path
    path: str = scope["path"]
    if root_path and path != root_path and not path.startswith(f"{root_path}/"):
        scope["path"] = root_path + path
        if scope.get("raw_path") is not None:
            scope["raw_path"] = root_path.encode() + scope["raw_path"]
