"""A gateway, signed in."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from cli.credentials import bearer
from cli.exits import CommandError
from cli.http import Http
from cli.target import Target

_MOST_A_PAGE = 200
_IN_FLIGHT_WAITS_S = (0.5, 1.0, 2.0)


class Gateway:
    """What the command asks of a gateway. Use as a block.

    Every call raises `CommandError` with the gateway's own sentence when it refuses.
    """

    def __init__(self, target: Target) -> None:
        self.url = target.url
        self._http = Http(target.url)
        self._credentials = target.credentials
        self._closing = ExitStack()

    def __enter__(self) -> "Gateway":
        self._closing.enter_context(self._http)
        self._closing.callback(self._credentials.close, self._http)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def token(self, *, refused: str = "") -> str:
        """Return a Bearer token; `refused` is one that was not accepted."""
        return self._credentials.token(self._http, refused=refused)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON at `path`."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeats: bool = True,
        answer_s: float | None = None,
    ) -> dict[str, Any]:
        """Send a request, once more if the access token has just ended. See `Http.send`."""
        token = self.token()
        options: Any = {"body": body, "query": query, "repeats": repeats, "answer_s": answer_s}

        def sent(shown: str) -> Any:
            return self._http.send(method, path, headers={**(headers or {}), **bearer(shown)}, **options)

        answer = sent(token)
        if answer.status == 401:
            answer = sent(self.token(refused=token))
        if not answer.is_success:
            raise answer.error()
        return dict(answer.body)

    def submit(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Submit a page once, however often it has to be sent, and return its job."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for wait_s in _IN_FLIGHT_WAITS_S:
            try:
                return self.call("POST", "/api/jobs", body=request, headers=key)
            except CommandError as error:
                # The answer to the first try was lost on the way, and it is not done yet.
                if error.code != "REQUEST_IN_FLIGHT":
                    raise
            time.sleep(wait_s)
        return self.call("POST", "/api/jobs", body=request, headers=key)

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        return self.get(job_path(job_id))

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Cancel a job and return it."""
        return self.call("DELETE", job_path(job_id))

    def retry(self, job_id: str, *, allow_duplicate: bool) -> dict[str, Any]:
        """Queue an ended job again and return it."""
        body = {"allowDuplicateDelivery": allow_duplicate}
        return self.call("POST", f"{job_path(job_id)}/retry", body=body, repeats=False)

    def jobs(self, *, count: int, states: list[str], owner: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield up to `count` jobs, newest first."""
        query: dict[str, Any] = {"state": states} | ({"owner": owner} if owner else {})
        while count > 0:
            page = self.get("/api/jobs", query | {"limit": min(count, _MOST_A_PAGE)})
            yield from page["jobs"]
            count -= len(page["jobs"])
            if not page["nextCursor"]:
                return
            query["cursor"] = page["nextCursor"]


def job_path(job_id: str) -> str:
    """Return the path of a job."""
    return f"/api/jobs/{quote(job_id, safe='')}"
