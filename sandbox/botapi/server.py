"""The stand-in as one block: routes, faults, and a socket on loopback."""

import hmac
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from sandbox.botapi.errors import RefusalError
from sandbox.botapi.faults import ANSWERED, Fault, FaultScript
from sandbox.botapi.form import Form, FormReader, answer_of
from sandbox.botapi.inbox import Inbox
from sandbox.botapi.methods import Methods
from sandbox.botapi.spoiled import spoiled_answer
from sandbox.botapi.viewer import viewer_routes
from services.chassis.lifecycle import StartError

logger = structlog.get_logger(__name__)

LIMIT_BYTES = 50_000_000
"""What the cloud Bot API takes."""


@dataclass(frozen=True)
class RunningBotApi:
    """A stand-in that serves."""

    url: str
    """For TELEGRAM_API_BASE_URL, and for a browser."""
    messages: Inbox
    faults: FaultScript
    open_requests: list[str]
    """Methods of the requests that are being read or answered."""


@asynccontextmanager
async def bot_api(
    *,
    port: int = 0,
    token: str,
    chats: Sequence[str],
    limit_bytes: int = LIMIT_BYTES,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[RunningBotApi]:
    """Serve the Bot API on 127.0.0.1 for the length of the block.

    Args:
        port: 0 picks a free one.
        token: The only token that is accepted.
        chats: Chats that exist, as numeric ids or @channels.
        limit_bytes: Largest file.
        tls: Serves HTTPS. None: HTTP.

    Raises:
        StartError: If the port is taken.
    """
    inbox, faults = Inbox(), FaultScript()
    edge = _Edge(Methods(inbox, chats), faults, token, limit_bytes)
    app = web.Application()
    app.add_routes([web.route("*", r"/bot{token:[^/]*}/{method}", edge.answer), *viewer_routes(inbox, faults)])
    # A handler ends when its client is gone: that is how a held-back answer is let go.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise StartError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}.") from error
        scheme = "http" if tls is None else "https"
        yield RunningBotApi(f"{scheme}://127.0.0.1:{runner.addresses[0][1]}", inbox, faults, edge.open_requests)
    finally:
        await runner.cleanup()


class _Edge:
    """Requests in, answers out; scripted faults strike here."""

    def __init__(self, methods: Methods, faults: FaultScript, token: str, limit_bytes: int) -> None:
        self._methods = methods
        self._faults = faults
        self._token = token
        self._limit_bytes = limit_bytes
        self.open_requests: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one Bot API request."""
        method = request.match_info["method"]
        self.open_requests.append(method)
        try:
            return await self._answer(method, request)
        finally:
            self.open_requests.remove(method)

    async def _answer(self, method: str, request: web.Request) -> web.StreamResponse:
        self._faults.request_counts[method] += 1
        fault: Fault | None = None

        def choose(chat_id: str) -> Fault | None:
            nonlocal fault
            fault = self._faults.take(method, chat_id)
            return fault

        try:
            self._check_token(request.match_info["token"])
            if method not in self._methods.by_name:
                raise RefusalError(404, "Not Found")
            form = await FormReader(request, self._limit_bytes, choose).read()
            result = await self._act(method, form)
        except RefusalError as refusal:
            logger.info("A request was refused.", action="request_refused", method=method, code=refusal.code)
            return _refused(request, refusal, is_html=fault is not None and fault.is_html)
        if fault is not None and (spoiled := await spoiled_answer(request, fault)) is not None:
            return spoiled
        return web.json_response({"ok": True, "result": result})

    def _check_token(self, shown: str) -> None:
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            raise RefusalError(401, "Unauthorized")

    async def _act(self, method: str, form: Form) -> Any:
        fault = form.fault
        is_answered = fault is not None and fault.kind in ANSWERED
        if fault is not None and is_answered and not fault.accepts:
            raise answer_of(fault)
        result = await self._methods.by_name[method](form)
        logger.info("A request was accepted.", action="request_accepted", method=method)
        if fault is not None and is_answered:
            raise answer_of(fault)
        return result


def _refused(request: web.Request, refusal: RefusalError, *, is_html: bool) -> web.Response:
    if refusal.code == 307:
        # With the token in it, as a redirect of a whole server has.
        return web.Response(status=307, headers={"Location": f"http://127.0.0.1:9{request.path}"})
    if is_html:
        page = f"<html><body><h1>{refusal.code} {refusal.description}</h1></body></html>"
        return web.Response(status=refusal.code, text=page, content_type="text/html")
    answer: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        answer["parameters"] = refusal.parameters
    return web.json_response(answer, status=refusal.code)
