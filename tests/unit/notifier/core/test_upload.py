"""The file's bytes, checked on their way, and the progress that is told."""

import google_crc32c
import pytest

from services.chassis.errors import ClipferryError, Reason
from services.notifier.core.upload import PART_LIMIT_BYTES, REPORT_INTERVAL_S, Part, Upload
from tests.fakes.clock import FakeClock


class Sender:
    """Hands out parts, one at a time, and notes how far ahead it was asked."""

    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)
        self.taken_count = 0

    def __aiter__(self) -> "Sender":
        return self

    async def __anext__(self) -> Part:
        if self.taken_count == len(self._parts):
            raise StopAsyncIteration
        self.taken_count += 1
        return self._parts[self.taken_count - 1]


def _upload(sender: Sender, size_bytes: int, reports: list[int], clock: FakeClock | None = None) -> Upload:
    async def report(sent_bytes: int) -> None:
        reports.append(sent_bytes)

    return Upload(sender, size_bytes=size_bytes, report=report, stall_s=5, clock=clock or FakeClock())


def _last(data: bytes, whole: bytes) -> Part:
    return Part(data, crc32c=google_crc32c.value(whole))


async def test_one_part_at_a_time() -> None:
    """The next part is asked for only when the reader comes back: nothing piles up."""
    sender = Sender(Part(b"ab"), Part(b"cd"), _last(b"e", b"abcde"))
    chunks = _upload(sender, 5, []).chunks()

    for count, expected in enumerate((b"ab", b"cd", b"e"), start=1):
        assert expected == await anext(chunks)
        assert count == sender.taken_count
    assert await anext(chunks, None) is None


async def test_parts_pass_through_uncopied() -> None:
    """The very object that came in goes out."""
    data = bytes(1000)
    chunks = _upload(Sender(Part(data), _last(b"e", data + b"e")), 1001, []).chunks()

    assert data is await anext(chunks)
    await chunks.aclose()


@pytest.mark.parametrize(
    ("parts", "size_bytes"),
    [
        ([Part(b"ab")], 3),  # ends early
        ([], 3),  # never begins
        ([Part(b"abc"), _last(b"d", b"abcd")], 3),  # too long before the last part
        ([Part(b"ab"), _last(b"cd", b"abcd")], 3),  # too long with it
        ([Part(b"a"), _last(b"b", b"ab")], 3),  # too short with it
        ([Part(b"ab"), _last(b"c", b"abX")], 3),  # other bytes than its sender saw
        ([Part(b"abc"), _last(b"", b"abc")], 3),  # nothing left to hold back
    ],
)
async def test_last_part_is_withheld_from_a_damaged_file(parts: list[Part], size_bytes: int) -> None:
    """Whatever is wrong is found before the file could be whole at the other end."""
    got = b""

    with pytest.raises(ClipferryError) as caught:
        async for chunk in _upload(Sender(*parts), size_bytes, []).chunks():
            got += chunk

    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    assert len(got) < size_bytes


async def test_progress_is_told_twenty_times_a_second() -> None:
    """Parts within 50 ms of a report are not told; the first and the next due ones are."""
    clock = FakeClock()
    reports: list[int] = []
    size_bytes = 10 * PART_LIMIT_BYTES
    parts = [Part(bytes(PART_LIMIT_BYTES)) for _ in range(9)]
    chunks = _upload(Sender(*parts), size_bytes, reports, clock).chunks()

    for _ in range(4):
        await anext(chunks)
    clock.advance(REPORT_INTERVAL_S)
    await anext(chunks)
    await chunks.aclose()

    assert reports == [PART_LIMIT_BYTES, 4 * PART_LIMIT_BYTES]


async def test_end_is_always_told() -> None:
    """Who holds back a last part of any size learns at once that all before it is gone."""
    reports: list[int] = []
    size_bytes = 4 * PART_LIMIT_BYTES
    parts = [Part(bytes(PART_LIMIT_BYTES)) for _ in range(3)]
    whole = bytes(size_bytes)
    chunks = _upload(Sender(*parts, _last(bytes(PART_LIMIT_BYTES), whole)), size_bytes, reports).chunks()

    async for _ in chunks:
        pass

    assert [3 * PART_LIMIT_BYTES, size_bytes] == reports[-2:]
