"""HEAD wherever there is GET (RFC 9110, section 9.1)."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Has HEAD answered as GET is; the server, which reads the method in its own scope, leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)
