"""One file on its way through: parts in, checked parts out, and how far it is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import google_crc32c

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason

PART_LIMIT_BYTES = 512 * 1024
"""Most bytes of one part."""

REPORT_INTERVAL_S = 0.05
"""Progress is told at most this often, but for the end of the file."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the file. The last one carries the CRC32C of the whole; no other does."""

    data: bytes
    crc32c: int | None = None


class Upload:
    """The bytes of one file, to be read once.

    Memory: one part; the next is asked for once the reader has come back for it.

    Args:
        parts: The pieces, in order.
        size_bytes: Exact bytes of all of them.
        report: Told how many bytes the reader has taken: at most every 50 ms, and whenever what is left fits one
            part, so that who holds the last part back learns at once that the rest is gone.
        stall_s: Longest wait for a part.
    """

    def __init__(
        self,
        parts: AsyncIterator[Part],
        *,
        size_bytes: int,
        report: Callable[[int], Awaitable[None]],
        stall_s: float,
        clock: Clock,
    ) -> None:
        self.size_bytes = size_bytes
        self.taken_bytes = 0
        self._parts = parts
        self._report = report
        self._stall_s = stall_s
        self._clock = clock
        self._crc32c = 0
        self._reported_at_s = float("-inf")

    async def chunks(
        self, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes. The last part is yielded only if the whole file is what its sender saw.

        Args:
            waiting: Entered for each wait for a part; may end the wait by raising. Reports are
                never cut short: grpc.aio cannot end a call well after a write was.

        Raises:
            ClipferryError: CHECKSUM_MISMATCH when the bytes do not add up to `size_bytes` or to the checksum;
                STALLED when no part came in time; or what reading the parts raised. All before the last part.
        """
        is_last = False
        while not is_last:
            part = await self._next(waiting)
            self._check(part)
            is_last = part.crc32c is not None
            yield part.data
            self.taken_bytes += len(part.data)
            await self._tell()

    async def _next(self, waiting: Callable[[], AbstractContextManager[None]]) -> Part:
        try:
            async with asyncio.timeout(self._stall_s):
                with waiting():
                    part = await anext(self._parts)
        except StopAsyncIteration:
            raise self._damaged(f"ended after {self.taken_bytes} of {self.size_bytes} bytes") from None
        except TimeoutError as error:
            raise ClipferryError(
                Reason.STALLED,
                f"No part of the file came for {self._stall_s:g} s; nothing was sent.",
                taken_bytes=self.taken_bytes,
                size_bytes=self.size_bytes,
            ) from error
        return part

    def _check(self, part: Part) -> None:
        after_bytes = self.taken_bytes + len(part.data)
        self._crc32c = google_crc32c.extend(self._crc32c, part.data)
        if part.crc32c is None:
            # The last part has at least one byte, so everything before it is less than the whole.
            if after_bytes >= self.size_bytes:
                raise self._damaged(f"has more than the announced {self.size_bytes} bytes")
        elif after_bytes != self.size_bytes or not part.data:
            raise self._damaged(f"has {after_bytes} bytes, announced were {self.size_bytes}")
        elif part.crc32c != self._crc32c:
            raise self._damaged(f"has checksum {self._crc32c:08x}, its sender saw {part.crc32c:08x}")

    def _damaged(self, how: str) -> ClipferryError:
        return ClipferryError(
            Reason.CHECKSUM_MISMATCH,
            f"The file {how}; nothing was sent.",
            taken_bytes=self.taken_bytes,
            size_bytes=self.size_bytes,
        )

    async def _tell(self) -> None:
        now_s = self._clock.monotonic_s()
        is_due = now_s - self._reported_at_s >= REPORT_INTERVAL_S
        if is_due or self.size_bytes - self.taken_bytes <= PART_LIMIT_BYTES:
            self._reported_at_s = now_s
            await self._report(self.taken_bytes)
