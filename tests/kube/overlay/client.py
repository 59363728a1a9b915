"""``python client.py GATEWAY OUTSIDE API_KEY_FILE``: submits videos and reads all the while, in a pod.

Until the outside says that it is over; then waits for its jobs, and prints as JSON what it saw. Each request has a
connection of its own, and is repeated as `clipferry send` repeats it: when the connection breaks, under the same key.
"""

import http.client
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_WAITS_S = (0.1, 0.4, 1.0)
"""Before each repeat: see cli/http.py."""
_ANSWER_S = 15.0
_UNFINISHED_COUNT = 4
"""Jobs under way at once: a stream of them however slow the cluster is, never a heap."""
_READ_EVERY_S = 0.05
_END_WITHIN_S = 180.0
_ENDED = ("completed", "failed", "cancelled")


@dataclass
class Seen:
    """What became of it all."""

    call_count: int = 0
    repeat_count: int = 0
    failures: list[str] = field(default_factory=list)
    """Requests that were given up, or refused."""
    statuses: dict[str, str] = field(default_factory=dict)
    """How each job stands, by its caption."""


class Client:
    """Speaks to a gateway.

    Args:
        gateway: Its URL, without a slash at the end.
    """

    def __init__(self, gateway: str, api_key: str) -> None:
        self._address = urlsplit(gateway).netloc
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._job_ids: dict[str, str] = {}
        self.seen = Seen()
        self.unfinished_count = 0
        """Jobs that wait or run, as far as is known."""

    def submit(self, video_url: str, caption: str) -> None:
        """Submit a video under a caption that nothing else has."""
        body = {"url": f"{video_url}?job={caption}", "caption": caption}
        job = self._ask("POST", "/api/jobs", body, key=caption)
        if job:
            self.unfinished_count += 1
            self._job_ids[caption] = job["id"]
            self.seen.statuses[caption] = job["status"]

    def read(self) -> None:
        """Ask for the numbers."""
        stats = self._ask("GET", "/api/queue/stats")
        if stats:
            self.unfinished_count = stats["queued"] + stats["processing"]

    def until_ended(self, *, within_s: float) -> None:
        """Follow the jobs to their ends."""
        gives_up_at_s = time.monotonic() + within_s
        for caption, job_id in self._job_ids.items():
            while self.seen.statuses[caption] not in _ENDED and time.monotonic() < gives_up_at_s:
                job = self._ask("GET", f"/api/jobs/{job_id}")
                self.seen.statuses[caption] = job.get("status", self.seen.statuses[caption])
                time.sleep(_READ_EVERY_S)

    def _ask(self, method: str, path: str, body: object = None, *, key: str = "") -> dict[str, Any]:
        self.seen.call_count += 1
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        said = ""
        for wait_s in (*_WAITS_S, 0.0):
            connection = http.client.HTTPConnection(self._address, timeout=_ANSWER_S)
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                answer = connection.getresponse()
                status, text = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                said = f"{type(error).__name__}: {error}"
            else:
                if status < 300:
                    found: dict[str, Any] = json.loads(text)
                    return found
                said = f"{status} {text[:200].decode(errors='replace')}"
                if b"REQUEST_IN_FLIGHT" not in text:
                    break
            finally:
                connection.close()
            self.seen.repeat_count += 1
            time.sleep(wait_s)
        self.seen.failures.append(f"{method} {path}: {said}")
        return {}


def is_over(outside: str) -> bool:
    """Return whether the outside has told clients to stop."""
    connection = http.client.HTTPConnection(urlsplit(outside).netloc, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/is-over")
        return bool(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def main(gateway: str, outside: str, api_key_file: str) -> None:
    """Run until it is over, and print what was seen."""
    client, number = Client(gateway, Path(api_key_file).read_text().strip()), 0
    while not is_over(outside):
        if client.unfinished_count < _UNFINISHED_COUNT:
            client.submit(f"{outside}/clip.mp4", f"kube-{number}")
            number += 1
        client.read()
        time.sleep(_READ_EVERY_S)
    client.until_ended(within_s=_END_WITHIN_S)
    print(json.dumps(asdict(client.seen)))  # noqa: T201 - whoever started it reads that


if __name__ == "__main__":
    main(*sys.argv[1:])
