"""Requests to a gateway, each answered or given up in a bounded time."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpcore

from cli.answer import Answer
from cli.exits import CommandError, unreachable

_ANSWER_S = 15.0
"""How long an answer may take, if nothing else is said."""
_CONNECT_S = 5.0
_WAITS_S = (0.1, 0.4, 1.0)
"""Before each repeat of a request that got no answer."""
_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError)
_OF_PYTHON = re.compile(r"^(?:\[[^]]*\] )+| \(_ssl\.c:\d+\)")
"""What Python writes around the system's own words."""


class Http:
    """Sends requests to one gateway; redirects are not followed, so that no secret ends up elsewhere. Use as a block.

    Args:
        url: Without a slash at the end.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = httpcore.ConnectionPool(ssl_context=_ssl_context() if url.startswith("https:") else None)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        repeats: bool = True,
        answer_s: float | None = None,
    ) -> Answer:
        """Send a request and return the answer, whatever it is.

        Args:
            repeats: Whether it is sent again when the connection breaks. What makes something needs an Idempotency-Key
                for that. A gateway that does not answer in time is not asked again.
            answer_s: Seconds that the answer may take.

        Raises:
            CommandError: UNAVAILABLE when there is no answer.
        """
        target = f"{self.url}{path}{'?' + urlencode(query, doseq=True) if query else ''}"
        sent: dict[bytes | str, bytes | str] = {"Accept": "application/json", "User-Agent": "clipferry-cli"}
        sent.update((headers or {}).items())
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        answer_s = answer_s or _ANSWER_S
        limits_s = {**dict.fromkeys(("read", "write", "pool"), answer_s), "connect": min(_CONNECT_S, answer_s)}
        for wait_s in (*_WAITS_S, None):
            try:
                answer = self._pool.request(
                    method, target, headers=sent, content=content, extensions={"timeout": limits_s}
                )
            except httpcore.TimeoutException as error:
                raise self._silent(error, limits_s) from error
            except _BROKEN as error:
                if wait_s is None or not repeats:
                    raise self._broken(error) from error
                time.sleep(wait_s)
            else:
                headers_got = {name.lower(): value for name, value in answer.headers}
                location = headers_got.get(b"location", b"").decode("latin-1").removesuffix(path)
                return Answer(self.url, answer.status, answer.content, location)
        raise AssertionError("the last turn answers or raises")

    def health(self) -> Answer:
        """Return what the gateway says of itself, to whoever asks.

        Raises:
            CommandError: UNAVAILABLE when nothing answers, or something that is no clipferry.
        """
        answer = self.send("GET", "/health", repeats=False)
        if "services" not in answer.body:
            raise answer.foreign()
        return answer

    def _silent(self, error: httpcore.TimeoutException, limits_s: Mapping[str, float]) -> CommandError:
        if isinstance(error, httpcore.ConnectTimeout):
            return unreachable(f"No connection to {self.url} within {limits_s['connect']:g} s.")
        return unreachable(f"{self.url} takes connections, but has not answered within {limits_s['read']:g} s.")

    def _broken(self, error: Exception) -> CommandError:
        why = _OF_PYTHON.sub("", str(error)).rstrip(".") or type(error).__name__
        why = why if why.isupper() else f"{why[:1].lower()}{why[1:]}"
        if str(error).startswith("[SSL"):
            return unreachable(f"TLS with {self.url} fails: {why}.")
        if isinstance(error, httpcore.ConnectError):
            return unreachable(f"Nothing can be reached at {self.url}: {why}.")
        return unreachable(f"The connection to {self.url} broke: {why}.")

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()


def _ssl_context() -> Any:
    import ssl  # noqa: PLC0415 - half of the command's start, and not needed on this machine

    # The machine's certificates, or SSL_CERT_FILE.
    return ssl.create_default_context()
