"""What the core needs of the world, as small promises. Adapters keep them; unit tests bring fakes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.chassis.errors import ClipferryError
from services.processor.core.recipe import Recipe
from services.processor.core.run import (
    FetchRequest,
    Found,
    Header,
    MediaFacts,
    MediaFile,
    MediaSummary,
    Moved,
    Receipt,
    Run,
)


class Layout(Protocol):
    """The bytes to send, in order, without a second copy: a file with its index moved to the front, or as it is."""

    @property
    def size_bytes(self) -> int:
        """Exact size; known before the first byte."""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Reads tmpfs: does not block."""


class Fetch(Protocol):
    """One download in a process group of its own."""

    async def extract(self) -> Found:
        """Ask the site what there is. Call once, first.

        Raises:
            ClipferryError: With the site's reason: NO_VIDEO, GONE, EGRESS_DENIED, LIVE, …
        """

    async def picture(self) -> bytes:
        """Return the site's picture of what `extract` found: a JPEG of at most 320 pixels a side and under 200 kB.

        Empty when there is none that can be read. Call after `extract`, before or instead of `download`.

        Raises:
            ClipferryError: CHILD_CRASHED, STALLED.
        """

    def download(
        self, *, limit_bytes: int, format_id: str = "", recipe: Recipe | None = None
    ) -> AsyncGenerator[Moved, None]:
        """Fetch one of the offers that `extract` found; ends when the file is whole. Call once, after `extract`.

        Args:
            limit_bytes: Most bytes of the finished file.
            format_id: Which offer; empty: the first.
            recipe: Re-encode it on the way in, so that only the result is ever held; None: fetch it as it is. What does
                not play then is re-encoded where it lies.

        Raises:
            ClipferryError: VIDEO_TOO_LARGE as soon as it is sure, INCOMPLETE, STALLED, CHILD_CRASHED, …
        """

    def allow(self, held_bytes: int | None) -> None:
        """Say how much a download may hold on tmpfs before it is held up; None: the limit of the file alone counts."""

    def pause(self) -> None:
        """Stop everything that the download runs, until `resume`: nothing of it counts as a stall."""

    def resume(self) -> None:
        """Let it go on."""

    async def finish(self) -> None:
        """Close a live recording and keep what there is; `download` then ends by itself."""

    def take(self) -> MediaFile:
        """Return the finished file, opened and unlinked. Call once, after `download`. The caller closes it."""


class Downloader(Protocol):
    """Gets media from sites, into memory only."""

    def fetch(self, request: FetchRequest, *, job_name: str) -> AbstractAsyncContextManager[Fetch]:
        """Open one download. However the block is left, its process group is dead and its directory gone after it."""


class Media(Protocol):
    """Reads and shapes finished files. Never trusts what they claim to be."""

    async def describe(self, file: MediaFile) -> MediaFacts:
        """Read what the file holds.

        Raises:
            ClipferryError: UNPLAYABLE when it is no media that Telegram can play, INCOMPLETE when it is cut short.
        """

    async def thumbnail(self, file: MediaFile, facts: MediaFacts) -> bytes:
        """Return an upright JPEG of at most 320 pixels a side and under 200 kB; empty when none can be made."""

    def layout(self, file: MediaFile) -> Layout:
        """Return the bytes to send: `moov` first where the file is an mp4 with it last."""


class Delivery(Protocol):
    """The way out to Telegram."""

    async def send(
        self,
        header: Header,
        layout: Layout,
        *,
        commit: Callable[[], Awaitable[None]],
        on_sent: Callable[[int], None],
        on_wait: Callable[[float], None],
    ) -> Receipt:
        """Stream the file out.

        Args:
            commit: Awaited when everything but the last part has been taken by the Bot API's socket; the last
                part goes out only after it returned. When it raises, nothing is sent and its error is raised here.
            on_sent: Called with the bytes of the file that the socket took so far; only rises, but for a chat that has
                moved: then the file goes once more, to where the chat is, and is committed anew.
            on_wait: Called with about how many seconds the message waits for its chat's turn, by Telegram's limits.

        Raises:
            ClipferryError: TELEGRAM_FLOOD, TELEGRAM_REJECTED, CHAT_UNAVAILABLE, TELEGRAM_UNREACHABLE, … when nothing
                was sent; DELIVERY_UNKNOWN when it may have been.
        """


class Leases(Protocol):
    """The moves of a run, as the queue sees them. Each raises LEASE_LOST when the run is somebody else's."""

    async def begin_send(self, run: Run, *, size_bytes: int, media: MediaSummary) -> Receipt | None:
        """Say that the upload begins. Returns an earlier delivery of the job, when there is one.

        Raises:
            ClipferryError: CANCEL_REQUESTED, LEASE_LOST.
        """

    async def commit_send(self, run: Run) -> None:
        """Pass the point of no return.

        Raises:
            ClipferryError: CANCEL_REQUESTED, LEASE_LOST.
        """

    async def complete(self, run: Run, receipt: Receipt) -> None:
        """Say that it arrived. Goes on trying until there is an answer."""

    async def fail(self, run: Run, error: ClipferryError, *, not_sent: bool) -> None:
        """Say that it failed.

        Args:
            not_sent: True when nothing can have been sent although `commit_send` was called.
        """

    async def release(self, run: Run) -> None:
        """Hand the run back: another worker starts it again, and no attempt is charged."""

    def resize(self, run: Run, *, reserved_bytes: int) -> None:
        """Change the bytes the run has reserved. Never waits."""
