"""Requests to a gateway, and its refusals as errors of the command."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpcore

from cli.exits import DENIED, FAILED, UNREACHABLE, CommandError, unreachable

_TIMEOUT_S = 30.0
_WAITS_S = (0.1, 0.4, 1.0)
"""Before each repeat of a request that got no answer."""
_REPEATED = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
_STATUS = {401: DENIED, 403: DENIED, 502: UNREACHABLE, 503: UNREACHABLE, 504: UNREACHABLE}


class Answer:
    """What the gateway answered.

    Args:
        status: HTTP status.
        body: JSON object; empty when there was none.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body

    @property
    def is_success(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300

    def error(self) -> CommandError:
        """Return a refusal as an error."""
        code, said = str(self.body.get("code", "INTERNAL")), self.body.get("detail")
        message = str(said) if said else f"The gateway answered {self.status} without saying why."
        known = {"code", "detail", "type", "title", "instance"}
        facts = {name: value for name, value in self.body.items() if name not in known}
        return CommandError(code, message, _STATUS.get(self.status, FAILED), facts)


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
    ) -> Answer:
        """Send a request and return the answer, whatever it is.

        Args:
            repeats: Whether it is sent again when nothing comes back. What makes something needs an Idempotency-Key
                for that.

        Raises:
            CommandError: UNAVAILABLE when there is no answer.
        """
        target = f"{self.url}{path}{'?' + urlencode(query, doseq=True) if query else ''}"
        sent: dict[bytes | str, bytes | str] = {"Accept": "application/json", "User-Agent": "clipferry-cli"}
        sent.update((headers or {}).items())
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        for wait_s in (*_WAITS_S, None):
            try:
                answer = self._pool.request(
                    method,
                    target,
                    headers=sent,
                    content=content,
                    extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT_S)},
                )
            except _REPEATED as error:
                if wait_s is None or not repeats:
                    raise unreachable(f"Nothing answers at {self.url} ({type(error).__name__}).") from error
                time.sleep(wait_s)
            else:
                return Answer(answer.status, _object(answer.content))
        raise AssertionError("the last turn answers or raises")

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _ssl_context() -> Any:
    import ssl  # noqa: PLC0415 - half of the command's start, and not needed on this machine

    # The machine's certificates, or SSL_CERT_FILE.
    return ssl.create_default_context()
