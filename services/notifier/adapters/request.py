"""How python-telegram-bot reaches the Bot API: a request whose file streams through."""

import socket
from contextlib import aclosing
from typing import Any

import httpcore
from telegram.request import BaseRequest, RequestData

from services.notifier.adapters.body import Body, body_of
from services.notifier.adapters.bot_api import BotApi
from services.notifier.adapters.early_answer import EarlyAnswer, ListeningBackend
from services.notifier.adapters.refusals import TRANSPORT_ERRORS, Attempt, is_definite, refusal, transport_failure

ANSWER_LIMIT_BYTES = 1024 * 1024
"""Telegram's answers have a few kB. What is longer is not one."""

_UNSENT_LIMIT_BYTES = 256 * 1024
"""Most bytes that the kernel takes and has not sent: progress would run megabytes ahead of a slow line."""

_SOCKET_OPTIONS = [(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_LIMIT_BYTES)]


class StreamingRequest(BaseRequest):
    """Sends each request on a connection of its own, and raises `ClipferryError` for everything but a success.

    A fresh connection cannot be one that the server has just given up, which would look like an unknown delivery; its
    handshake costs less than a part of a video. Time limits are those of the `BotApi`, not those of a single call.
    """

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._ssl_context = httpcore.default_ssl_context() if api.base_url.startswith("https:") else None

    @property
    def read_timeout(self) -> float | None:
        return self._api.read_timeout_s

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
                httpcore.AsyncConnectionPool(
                    self._ssl_context, network_backend=backend, socket_options=_SOCKET_OPTIONS
                ) as pool,
                aclosing(body.chunks()) as chunks,
                pool.stream(
                    method, url, headers=headers, content=chunks, extensions={"timeout": self._timeouts_s(body)}
                ) as response,
            ):
                status, payload = response.status, await _payload(response)
        except TRANSPORT_ERRORS as error:
            raise transport_failure(error, self._attempt(body)) from error
        retry_after = _header(response, b"retry-after")
        if refused := refusal(status, payload, self._attempt(body), retry_after=retry_after):
            raise refused
        return status, payload

    def _timeouts_s(self, body: Body) -> dict[str, float]:
        api = self._api
        return {
            "connect": api.connect_timeout_s,
            "write": api.write_timeout_s,
            "read": api.answer_timeout_s(body.file_bytes),
            "pool": api.connect_timeout_s,
        }

    def _attempt(self, body: Body) -> Attempt:
        return Attempt(
            api=self._api, file_bytes=body.file_bytes, taken_bytes=body.taken_file_bytes, is_whole=body.is_whole
        )


async def _payload(response: httpcore.Response) -> bytes:
    """Return the answer's body; empty when it has no end in sight, or when its status says enough without it."""
    payload = bytearray()
    try:
        async for chunk in response.aiter_stream():
            payload += chunk
            if len(payload) > ANSWER_LIMIT_BYTES:
                return b""
    except TRANSPORT_ERRORS:
        if not is_definite(response.status):
            raise
        return b""
    return bytes(payload)


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")
