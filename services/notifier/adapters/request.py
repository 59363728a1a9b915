"""How python-telegram-bot reaches the Bot API: a request whose file streams through."""

from contextlib import aclosing
from typing import Any

import httpcore
from telegram.request import BaseRequest, RequestData

from services.notifier.adapters.body import Body, body_of
from services.notifier.adapters.bot_api import BotApi
from services.notifier.adapters.early_answer import EarlyAnswer, ListeningBackend
from services.notifier.adapters.refusals import TRANSPORT_ERRORS, Attempt, refusal, transport_failure


class StreamingRequest(BaseRequest):
    """Sends each request on a connection of its own, and raises `ClipferryError` for everything but a success.

    A fresh connection cannot be one that the server has just given up, which would look like an unknown delivery; its
    handshake costs less than a part of a video. Time limits are those of the `BotApi`, not those of a single call.
    """

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._ssl_context = httpcore.default_ssl_context() if api.base_url.startswith("https:") else None
        self._timeouts_s = {
            "connect": api.connect_timeout_s,
            "write": api.write_timeout_s,
            "read": api.read_timeout_s,
            "pool": api.connect_timeout_s,
        }

    @property
    def read_timeout(self) -> float | None:
        return self._timeouts_s["read"]

    async def initialize(self) -> None:
        """Nothing is kept open between requests."""

    async def shutdown(self) -> None:
        """Nothing is kept open between requests."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *_timeouts: Any,
        **_named_timeouts: Any,
    ) -> tuple[int, bytes]:
        answer = EarlyAnswer()
        body = body_of(request_data, answer)
        headers = [
            ("Content-Type", body.content_type),
            ("Content-Length", str(body.length_bytes)),
            ("Connection", "close"),
        ]
        backend = ListeningBackend(answer)
        try:
            async with (
                httpcore.AsyncConnectionPool(self._ssl_context, network_backend=backend) as pool,
                aclosing(body.chunks()) as chunks,
            ):
                response = await pool.request(
                    method, url, headers=headers, content=chunks, extensions={"timeout": self._timeouts_s}
                )
        except TRANSPORT_ERRORS as error:
            raise transport_failure(error, self._attempt(body)) from error
        if refused := refusal(response.status, response.content, self._attempt(body)):
            raise refused
        return response.status, response.content

    def _attempt(self, body: Body) -> Attempt:
        return Attempt(api=self._api, file_bytes=body.file_bytes, is_whole=body.is_whole)
