"""Jobs of a stack whose services come and go: submitted once whatever breaks, and read where they are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from clipferry.queue.v1 import job_pb2
from gateway.backends import QueueBackend
from services.chassis.channel import open_link
from services.chassis.errors import ClipferryError, Reason
from tests.fakes.eventually import eventually
from tests.processes.chaos_truth import Ending, MessageLog
from tests.processes.stack import Stack

_REPEAT_EVERY_S = 0.1
_ASK_EVERY_S = 0.25


class ChaosJobs:
    """A patient client of the gateway that also reads the queue and the Bot API.

    A job's marker is its idempotency key and the caption of its message.

    Args:
        token: Access token of the gateway.
    """

    def __init__(self, stack: Stack, http: httpx.AsyncClient, queue: QueueBackend, token: str) -> None:
        self._stack = stack
        self._http = http
        self._queue = queue
        self._authorization = {"Authorization": f"Bearer {token}"}
        self.names: dict[str, str] = {}
        """``jobs/{id}`` by marker."""
        self.messages = MessageLog()

    async def submit(self, marker: str, path: str) -> str:
        """Submit a page of the sample site until it is accepted, under one key; returns ``jobs/{id}``."""
        body = {"url": self._stack.page(f"{path}?job={marker}"), "caption": marker}
        answer = await self._repeated("POST", "/api/jobs", json=body, key=marker)
        name = self.names[marker] = f"jobs/{answer['id']}"
        return name

    async def cancel(self, marker: str) -> None:
        """Ask for a job's end; that it has ended already is an answer too."""
        await self._repeated("DELETE", f"/api/{self.names[marker]}", accepted=(200, 202, 409))

    async def until_ended(self, marker: str, *, within_s: float) -> None:
        """Wait until a job has ended, as a client sees it that asks again and again."""

        async def has_ended() -> bool:
            job = await self._repeated("GET", f"/api/{self.names[marker]}")
            has_ended = job["status"] in ("completed", "failed", "cancelled")
            if not has_ended:
                await asyncio.sleep(_ASK_EVERY_S)
            return has_ended

        await eventually(has_ended, within_s=within_s, what=f"{marker} ({self.names[marker]}) has ended")

    async def note_messages(self) -> None:
        """Take in what the Bot API keeps now."""
        self.messages.add(await self._stack.messages())

    async def job(self, marker: str) -> job_pb2.Job | None:
        """Return a job as the queue keeps it; None when it knows none of that name."""
        try:
            return await self._queue.get_job(self.names[marker].removeprefix("jobs/"), "")
        except ClipferryError as error:
            if error.reason is not Reason.JOB_NOT_FOUND:
                raise
            return None

    async def ending(self, marker: str) -> Ending:
        """Return how a job stands, from both sides."""
        job = await self.job(marker)
        await self.note_messages()
        return Ending(job, self.messages.by_caption().get(marker, ()))

    async def endings(self) -> dict[str, Ending]:
        """Return how every job stands, by marker.

        Raises:
            AssertionError: If there were messages that were never seen.
        """
        await self.note_messages()
        self.messages.check_whole()
        by_caption = self.messages.by_caption()
        return {marker: Ending(await self.job(marker), by_caption.get(marker, ())) for marker in self.names}

    async def _repeated(
        self, method: str, path: str, *, json: object = None, key: str = "", accepted: tuple[int, ...] = (200, 202)
    ) -> dict[str, Any]:
        """Make a request again and again, while nobody answers or the answer is that the gateway cannot now."""
        headers = self._authorization | ({"Idempotency-Key": key} if key else {})
        while True:
            try:
                answer = await self._http.request(method, path, json=json, headers=headers)
            except httpx.HTTPError:
                await asyncio.sleep(_REPEAT_EVERY_S)
                continue
            if answer.status_code in accepted:
                found: dict[str, Any] = answer.json()
                return found
            is_under_way = answer.json()["code"] == Reason.REQUEST_IN_FLIGHT.name
            assert is_under_way or answer.status_code in (429, 502, 503), f"{method} {path}: {answer.text}"
            await asyncio.sleep(_REPEAT_EVERY_S)


@asynccontextmanager
async def chaos_jobs(stack: Stack) -> AsyncIterator[ChaosJobs]:
    """Sign in for the length of the block."""
    settings = stack.settings
    async with (
        stack.gateway() as gateway,
        httpx.AsyncClient(base_url=gateway.url, timeout=10, trust_env=False) as http,
        open_link(settings.queue_listen_address, retried=["clipferry.queue.v1.QueueService/GetJob"]) as link,
    ):
        yield ChaosJobs(stack, http, QueueBackend(link), gateway.token)
