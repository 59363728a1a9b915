"""Jobs followed to their ends: live, and by asking where that does not work."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cli.exits import UNREACHABLE, CommandError
from cli.gateway import Gateway
from cli.live import LiveLostError, live_messages
from cli.words import ENDED

_ASK_EVERY_S = 1.0
_AWAY_S = 60.0
"""How long a gateway may be away before it is given up: it may be started anew."""
_LIVE_AGAIN_S = (0.5, 30.0)
"""Wait before live messages are tried again: the first, doubled each time, and the longest."""


def follow(
    gateway: Gateway, jobs: Sequence[dict[str, Any]], *, heard: Callable[[bool], None]
) -> Iterator[dict[str, Any]]:
    """Yield each job whenever something of it is new, at first as it is, and at last as it ended.

    A job is as REST has it, with `bytesDone`, `bytesTotal`, `speedBps` and `etaSeconds` while they are known.

    Args:
        heard: Called with False once nothing is heard of the gateway, and with True once it is heard again.

    Raises:
        CommandError: When a job is not there, or the gateway is away for a minute.
    """
    followed = Followed(jobs, heard)
    yield from jobs
    live_wait_s, live_at_s = _LIVE_AGAIN_S[0], time.monotonic()
    while followed.open_ids:
        if time.monotonic() >= live_at_s:
            began_at_s = time.monotonic()
            try:
                yield from _live(gateway, followed)
            except CommandError as error:
                followed.is_away(error)
                live_at_s = time.monotonic() + live_wait_s
            except LiveLostError as lost:
                if lost.is_silent:
                    followed.is_lost()
                if time.monotonic() - began_at_s > _AWAY_S:
                    live_wait_s = _LIVE_AGAIN_S[0]
                live_at_s = float("inf") if lost.is_final else time.monotonic() + live_wait_s
                live_wait_s = min(2 * live_wait_s, _LIVE_AGAIN_S[1])
            continue
        yield from _asked(gateway, followed)
        if followed.open_ids:
            time.sleep(_ASK_EVERY_S)


class Followed:
    """What is known of each job.

    Args:
        jobs: As REST has them.
        heard: As of `follow`.
    """

    def __init__(self, jobs: Sequence[dict[str, Any]], heard: Callable[[bool], None]) -> None:
        self._heard = heard
        self._known = {job["id"]: job for job in jobs}
        self._away_since_s: float | None = None

    @property
    def open_ids(self) -> list[str]:
        """Jobs that have not ended."""
        return [job_id for job_id, job in self._known.items() if job["status"] not in ENDED]

    def take(self, job_id: str, news: dict[str, Any]) -> dict[str, Any] | None:
        """Add what is new and return the whole; None when nothing is, or the job is none of these."""
        known = self._known.get(job_id)
        if known is None or news["version"] < known["version"] or known["status"] in ENDED:
            return None
        if all(known.get(name) == value for name, value in news.items()):
            return None
        # A count belongs to its stage.
        counts = ("bytesDone", "bytesTotal", "speedBps", "etaSeconds")
        kept = known if news.get("stage", known["stage"]) == known["stage"] else _without(known, counts)
        self._known[job_id] = {**kept, **news}
        return self._known[job_id]

    def is_lost(self) -> float:
        """Note that nothing is heard of the gateway; returns since when, of the monotonic clock."""
        if self._away_since_s is None:
            self._away_since_s = time.monotonic()
            self._heard(False)
        return self._away_since_s

    def is_away(self, error: CommandError) -> None:
        """Note that the gateway does not answer; raises `error` once that is so for too long."""
        if error.status != UNREACHABLE or time.monotonic() - self.is_lost() > _AWAY_S:
            raise error

    def is_back(self) -> None:
        """Note that the gateway answers."""
        if self._away_since_s is not None:
            self._away_since_s = None
            self._heard(True)


def _live(gateway: Gateway, followed: Followed) -> Iterator[dict[str, Any]]:
    for message in live_messages(gateway, followed.open_ids):
        followed.is_back()
        job = message.get("job") or (message.get("snapshot") or {}).get("job")
        if job:
            taken = followed.take(job["id"], job)
        elif message["type"] == "job:progress":
            taken = followed.take(message["jobId"], _without(message, ("type", "timestamp", "cursor", "jobId")))
        else:
            continue
        if taken:
            yield taken
        if not followed.open_ids:
            return


def _asked(gateway: Gateway, followed: Followed) -> Iterator[dict[str, Any]]:
    for job_id in followed.open_ids:
        try:
            taken = followed.take(job_id, gateway.job(job_id))
        except CommandError as error:
            followed.is_away(error)
            return
        followed.is_back()
        if taken:
            yield taken


def _without(found: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in names}
