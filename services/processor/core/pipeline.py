"""One run of one job: probe, plan, fetch, make playable, deliver. Every failure is told to the queue once."""

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from services.chassis import tracing
from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.processor.core.blame import naming_page
from services.processor.core.flooded import FloodedChats
from services.processor.core.header import header_of, summary_of
from services.processor.core.holding import Holding
from services.processor.core.naming import SHOWN_UNITS, cut_utf16, one_line
from services.processor.core.plan import (
    Fit,
    Limits,
    Plan,
    at_least,
    check,
    check_duration,
    check_not_finished,
    make_plan,
    request_limit,
    too_large,
)
from services.processor.core.ports import Delivery, Downloader, Fetch, Leases, Media
from services.processor.core.progress import ProgressLine
from services.processor.core.room import EvictedError, Room
from services.processor.core.run import (
    Found,
    MediaFacts,
    MediaFile,
    Moved,
    Progress,
    Receipt,
    Run,
)
from services.processor.core.sending import Sending

logger = structlog.get_logger(__name__)

_REPLANNED_COUNT = 2
"""Formats that may prove too large before a run gives up."""
_LIVE_SHARE = 0.9
"""A recording is closed at this share of the limit: closing it adds its index."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What every run needs of the world."""

    downloader: Downloader
    media: Media
    delivery: Delivery
    leases: Leases
    room: Room
    limits: Limits
    clock: Clock
    flooded: FloodedChats = field(default_factory=FloodedChats)


class JobRun:
    """One run. Cancelling the task that is in `execute` stops it: the child is killed and the memory is free after it.

    Nothing is retried here: the queue is the one place that does.

    Args:
        report: Gets each step of progress; must not wait.
    """

    def __init__(self, run: Run, parts: Parts, report: Callable[[Progress], None]) -> None:
        self.run = run
        self._parts = parts
        self._recording: Fetch | None = None
        self._found: Found | None = None
        self._plan: Plan | None = None
        self._learned_bytes: dict[str, int] = {}
        """By format id: what turned out to be larger than its site said."""
        self._finish_asked = self._asks_duration = False
        self.is_over = False
        """True once nothing is left to do but to tell the queue, and to give the memory back: its place is free."""
        self._opened = ExitStack()
        self._giving_back: asyncio.Task[None] | None = None
        self._deadline = asyncio.timeout(run.timeout_s)
        self._line = ProgressLine(report, parts.clock, guess_bytes=request_limit(run.fetch, parts.limits) // 4)
        # Past the commit an outcome is worth more than punctuality; the way out has its own limits.
        unbind = partial(self._deadline.reschedule, None)
        self._sending = Sending(run, parts.delivery, parts.leases, self._line, parts.clock, on_commit=unbind)
        self._holding = Holding(run.holder, parts.room, on_wait=self._line.waiting, on_resize=self._resized)

    @property
    def committing(self) -> bool:
        return self._sending.committing

    @property
    def committed(self) -> bool:
        return self._sending.committed

    async def execute(self) -> None:
        """Run to the end, tell the queue how it went, and give the memory back meanwhile."""
        try:
            await self._execute()
        finally:
            if self._giving_back is not None:
                # Who is cancelled once more stops waiting; the file must be closed all the same.
                await asyncio.shield(self._giving_back)

    async def _execute(self) -> None:
        try:
            receipt = await self._deliver_in_time()
        except ClipferryError as error:
            await self._report(error)
        except Exception as error:
            logger.error("A run failed by a fault of ours.", action="run_crashed", exc_info=error)
            await self._report(ClipferryError(Reason.DELIVERY_UNKNOWN if self.committed else Reason.INTERNAL))
        else:
            await self._complete(receipt)

    async def finish(self) -> None:
        """Close a live recording and send what there is; before its first byte, as soon as there is one.

        Nothing happens to a run that does not record.
        """
        if not self.run.fetch.allow_live:
            logger.info("A run that records nothing was asked to finish.", action="finish_ignored")
            return
        self._finish_asked = True
        recording, self._recording = self._recording, None
        if recording is not None:
            await recording.finish()

    async def _deliver_in_time(self) -> Receipt:
        try:
            async with self._deadline:
                return await self._deliver()
        except TimeoutError:
            if not self._deadline.expired():
                raise
            text = f"The run took longer than {self.run.timeout_s:.0f} s."
            raise ClipferryError(Reason.TIMED_OUT, text, limit_s=self.run.timeout_s) from None
        finally:
            self.is_over = True
            # Whoever waits for the outcome need not wait for the memory; who wants the memory need not for the queue.
            self._giving_back = asyncio.create_task(self._give_back(), name=f"give back {self.run.holder}")

    async def _give_back(self) -> None:
        try:
            # The kernel takes a while to clear a large file away, in which all other runs would stand.
            await asyncio.to_thread(self._opened.close)
        finally:
            self._holding.free()

    async def _deliver(self) -> Receipt:
        self._parts.flooded.check(self.run.destination, now_s=self._parts.clock.monotonic_s())
        self._line.probing()
        with naming_page(self.run.fetch.url):
            file, found, plan = await self._get()
            with tracing.span("describe"):
                facts = await self._describe(file, found)
        with tracing.span("deliver"):
            return await self._send(file, found, plan, facts)

    async def _get(self) -> tuple[MediaFile, Found, Plan]:
        first_word: ClipferryError | None = None
        while True:
            try:
                return await self._get_at_once()
            except EvictedError as evicted:
                logger.info("A run starts again.", action="run_evicted", wanted_bytes=evicted.wanted_bytes)
                self._holding.evicted(evicted)
            except ClipferryError as error:
                if first_word is not None and error.reason is Reason.SITE_UNSUPPORTED:
                    # What was asked besides led nowhere within its limits: the first word holds.
                    raise first_word from error
                if not self._learn_size(error):
                    raise
                first_word = error
                logger.info("A run takes another format.", action="run_replanned", cause=error.message)

    def _learn_size(self, error: ClipferryError) -> bool:
        """Keep in mind that a format was larger than the site said; True when there is another way to fit."""
        if self._found is None or self._plan is None or error.reason is not Reason.VIDEO_TOO_LARGE:
            return False
        if self._found.is_live or self._plan.recipe is not None or len(self._learned_bytes) >= _REPLANNED_COUNT:
            return False
        self._learned_bytes[self._plan.format_id] = max(
            self._plan.limit_bytes + 1, int(error.metadata.get("size_bytes", 0))
        )
        corrected = at_least(self._found, self._learned_bytes)
        is_lost = make_plan(corrected, self.run.fetch, self._parts.limits).fit is Fit.TOO_LARGE
        # What has no known duration may still be re-encoded, once somebody asks for it.
        was_asked, self._asks_duration = self._asks_duration, is_lost
        return not is_lost or (self._found.duration_s is None and not was_asked)

    async def _get_at_once(self) -> tuple[MediaFile, Found, Plan]:
        request, limits = replace(self.run.fetch, asks_duration=self._asks_duration), self._parts.limits
        await self._holding.reserve(request_limit(request, limits))
        # From the moment it is taken: also who is cancelled while the downloader ends gives the memory back.
        with ExitStack() as opened:
            async with self._parts.downloader.fetch(request, job_name=self.run.job_name) as fetch:
                with tracing.span("extract"):
                    found = await fetch.extract()
                self._found, self._plan = found, make_plan(at_least(found, self._learned_bytes), request, limits)
                plan = self._plan
                check(found, request, plan)
                check_not_finished(self.run, found)
                held_bytes = await self._holding.reserve(plan.reserve_bytes)
                if held_bytes != self.run.reserved_bytes:
                    self._resized(held_bytes)
                with tracing.span("download"):
                    await self._download(fetch, found, plan)
                file = fetch.take()
                opened.callback(os.close, file.fd)
            await self._holding.settle(file.size_bytes)
            self._opened = opened.pop_all()
        return file, found, plan

    def _resized(self, held_bytes: int) -> None:
        self._parts.leases.resize(self.run, reserved_bytes=held_bytes)

    async def _download(self, fetch: Fetch, found: Found, plan: Plan) -> None:
        if not self._holding.was_evicted and not self._learned_bytes:
            self._line.found(cut_utf16(one_line(found.title), SHOWN_UNITS))
        started_at_s = self._parts.clock.monotonic_s()
        self._holding.open(fetch, plan)
        self._recording = fetch if found.is_live else None
        download = fetch.download(limit_bytes=plan.limit_bytes, format_id=plan.format_id, recipe=plan.recipe)
        async with aclosing(download) as moves:
            async for moved in moves:
                self._line.moved(moved)
                await self._holding.follow(fetch, moved, plan, self._parts.limits)
                if self._recording is not None and self._is_long_enough(moved, plan, started_at_s):
                    await self.finish()
        self._recording = None

    def _is_long_enough(self, moved: Moved, plan: Plan, started_at_s: float) -> bool:
        longest_s = self.run.fetch.max_duration_s
        recorded_s = self._parts.clock.monotonic_s() - started_at_s
        return (
            self._finish_asked
            or moved.done_bytes >= _LIVE_SHARE * plan.limit_bytes
            or (longest_s is not None and recorded_s >= longest_s)
        )

    async def _describe(self, file: MediaFile, found: Found) -> MediaFacts:
        self._line.preparing()
        facts = await self._parts.media.describe(file)
        # Of a bare file nobody says how long it is before it is there.
        check_duration(facts.duration_s, found, self.run.fetch)
        return facts

    async def _send(self, file: MediaFile, found: Found, plan: Plan, facts: MediaFacts) -> Receipt:
        media = self._parts.media
        thumbnail = await media.thumbnail(file, facts)
        layout = media.layout(file)
        if layout.size_bytes > plan.limit_bytes:
            raise too_large(layout.size_bytes, plan.limit_bytes)
        header = header_of(self.run, file, found, facts, size_bytes=layout.size_bytes, thumbnail=thumbnail)
        summary = summary_of(header, found)
        earlier = await self._parts.leases.begin_send(self.run, size_bytes=layout.size_bytes, media=summary)
        if earlier is not None:
            return earlier
        return await self._sending.send(header, layout, is_recording=found.is_live)

    async def _complete(self, receipt: Receipt) -> None:
        try:
            await self._parts.leases.complete(self.run, receipt)
        except ClipferryError as error:
            logger.error("A delivered run was refused.", action="complete_refused", reason=error.reason.name)
        else:
            logger.info("A run has delivered.", action="run_delivered", size_bytes=receipt.size_bytes)

    async def _report(self, error: ClipferryError) -> None:
        if error.reason is Reason.LEASE_LOST:
            logger.warning("A run was lost to somebody else.", action="run_lost")
            return
        if error.reason is Reason.CANCEL_REQUESTED:
            error = ClipferryError(Reason.CANCELLED)
        self._parts.flooded.note(self.run.destination, error, now_s=self._parts.clock.monotonic_s())
        not_sent = self.committing and error.reason is not Reason.DELIVERY_UNKNOWN
        logger.warning(
            "A run has failed.", action="run_failed", reason=error.reason.name, cause=error.message, not_sent=not_sent
        )
        try:
            await self._parts.leases.fail(self.run, error, not_sent=not_sent)
        except ClipferryError as refusal:
            logger.warning("A failed run was refused.", action="fail_refused", reason=refusal.reason.name)
