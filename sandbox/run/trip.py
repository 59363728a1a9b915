"""One job, watched from its submit to its end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from sandbox.run.gateway import Gateway, GatewayError
from sandbox.run.screen import ENDED, Screen, human


@dataclass(frozen=True)
class Ending:
    """How a job ended.

    Args:
        job_id: Its id.
        status: completed, failed or cancelled.
        result: As in ``job:finished``; empty when there is none.
        error: As in ``job:finished``; empty when there is none.
    """

    job_id: str
    status: str
    result: dict[str, Any]
    error: dict[str, Any]

    @property
    def sentence(self) -> str:
        """How it ended, in one line."""
        if self.status != "completed":
            return f"{self.status}: {self.error.get('code', '')} {self.error.get('message', '')}".strip()
        media = self.result.get("metadata") or {}
        facts = [f"{media['width']}x{media['height']}"] if media.get("width") else []
        facts += [f"{media['duration']:.1f} s"] if media.get("duration") else []
        facts += [human(media["size"])] if media.get("size") else []
        return f"message {self.result.get('telegramMessageId')}, {', '.join(facts)}"


async def trip(gateway: Gateway, page_url: str, console: Console) -> Ending:
    """Submit `page_url` and show its way until the job ends.

    Raises:
        GatewayError: If the gateway refuses the page, or the watch breaks.
    """
    job_id = str((await gateway.submit(page_url))["id"])
    async with gateway.watch(f"job:{job_id}") as messages:
        with Screen(console) as screen:
            return await _followed(job_id, messages, screen)


async def _followed(job_id: str, messages: AsyncIterator[dict[str, Any]], screen: Screen) -> Ending:
    async for message in messages:
        ending = _ending(job_id, message)
        if ending is not None:
            screen.end(succeeded=ending.status == "completed", sentence=ending.sentence)
            return ending
        if message.get("type") == "error":
            raise GatewayError(f"{message.get('code')}: {message.get('message')}")
        if message.get("type") == "subscribed":
            screen.show(_snapshot(message))
        elif message.get("jobId") == job_id and "progress" in message:
            screen.show(message)
    raise GatewayError("the gateway closed the connection before the job ended.")


def _snapshot(message: dict[str, Any]) -> dict[str, Any]:
    """Return the job in a ``subscribed``; empty when the queue did not answer in time."""
    job: dict[str, Any] = (message.get("snapshot") or {}).get("job") or {}
    return job


def _ending(job_id: str, message: dict[str, Any]) -> Ending | None:
    kind = message.get("type")
    if kind == "job:finished" and message.get("jobId") == job_id:
        job = message
    elif kind == "subscribed":
        # It may have ended before we watched.
        job = _snapshot(message)
    else:
        return None
    if job.get("status") not in ENDED:
        return None
    return Ending(job_id, str(job["status"]), job.get("result") or {}, job.get("error") or {})
