"""The way to the notifier over real gRPC: the last part is withheld, and every break means what it must."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import google_crc32c
import grpc
import pytest

from services.chassis.channel import Link, open_link
from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.backends import NotifierDelivery
from services.processor.core.run import Header, MediaKind, Receipt
from tests.fakes.processor_notifier import ScriptedNotifier, scripted_notifier
from tests.fakes.processor_tools import BytesLayout, a_run

PART = 65_536
DATA = bytes(range(256)) * 4_000


@dataclass
class Trip:
    delivery: NotifierDelivery
    notifier: ScriptedNotifier
    link: Link
    data: bytes = DATA
    sent: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    """Bytes the notifier had at each commit."""
    refusal: ClipferryError | None = None

    async def send(self) -> Receipt:
        header = Header(
            run=a_run(thread_id=5),
            file_name="walk.mp4",
            mime_type="video/mp4",
            size_bytes=len(self.data),
            caption="A walk",
            kind=MediaKind.VIDEO,
            duration_s=1.5,
            width=640,
            height=360,
            thumbnail=b"jpeg",
            title="Walk",
            performer="",
        )
        return await self.delivery.send(
            header, BytesLayout(self.data), commit=self._commit, on_sent=self.sent.append, on_wait=self.waits.append
        )

    async def _commit(self) -> None:
        self.commits.append(len(self.notifier.data))
        if self.refusal is not None:
            raise self.refusal

    async def failure(self) -> Reason:
        with pytest.raises(ClipferryError) as failure:
            await self.send()
        return failure.value.reason


@pytest.fixture
async def trip() -> AsyncIterator[Trip]:
    notifier = ScriptedNotifier()
    async with scripted_notifier(notifier) as address, open_link(address) as link:
        yield Trip(
            NotifierDelivery(link, part_bytes=PART, answer_timeout_s=20, min_bytes_per_s=100_000_000), notifier, link
        )


async def test_the_file_arrives_whole_with_all_that_is_known_of_it(trip: Trip) -> None:
    receipt = await trip.send()
    assert (receipt.chat_id, receipt.message_id, receipt.file_id) == (7, 8, "f")
    assert bytes(trip.notifier.data) == DATA
    assert trip.notifier.last is not None
    assert trip.notifier.last.crc32c == google_crc32c.value(DATA)
    assert set(trip.notifier.part_sizes[:-1]) == {PART}
    header = trip.notifier.header
    assert header is not None
    assert header.idempotency_key == "jobs/1"
    assert (header.size_bytes, header.width, header.height, header.thread_id) == (len(DATA), 640, 360, 5)
    assert header.duration.ToMilliseconds() == 1_500
    assert trip.sent == sorted(set(trip.sent))


@pytest.mark.parametrize("size_bytes", [1, 2, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 7])
async def test_every_size_arrives(trip: Trip, size_bytes: int) -> None:
    trip.data = DATA[:size_bytes]
    await trip.send()
    assert bytes(trip.notifier.data) == trip.data
    assert trip.notifier.last is not None
    assert len(trip.notifier.last.data) >= 1


async def test_parts_grow_where_the_line_is_fast(trip: Trip) -> None:
    most_bytes = 8 * PART
    trip.data = bytes(256 * PART)
    trip.delivery = NotifierDelivery(trip.link, part_bytes=most_bytes, answer_timeout_s=20, min_bytes_per_s=100_000_000)

    await trip.send()

    sizes = trip.notifier.part_sizes
    assert sizes[0] == PART
    assert PART < max(sizes) <= most_bytes
    assert trip.notifier.last is not None
    assert len(trip.notifier.last.data) == PART
    assert bytes(trip.notifier.data) == trip.data


async def test_the_commit_waits_until_the_rest_was_taken(trip: Trip) -> None:
    trip.notifier.takes.clear()
    sending = asyncio.create_task(trip.send())
    await trip.notifier.got_part.wait()
    assert trip.commits == []
    trip.notifier.takes.set()
    await sending
    assert trip.commits == [len(DATA) - PART]


async def test_a_refused_commit_sends_nothing(trip: Trip) -> None:
    trip.refusal = ClipferryError(Reason.CANCEL_REQUESTED)
    assert await trip.failure() is Reason.CANCEL_REQUESTED
    await trip.notifier.ended.wait()
    assert trip.notifier.last is None


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ClipferryError(Reason.TELEGRAM_FLOOD, retry_after_s=3), Reason.TELEGRAM_FLOOD),
        (ClipferryError(Reason.TELEGRAM_REJECTED), Reason.TELEGRAM_REJECTED),
        (grpc.StatusCode.UNAVAILABLE, Reason.UNAVAILABLE),
        (grpc.StatusCode.INTERNAL, Reason.INTERNAL),
    ],
)
async def test_what_breaks_before_the_last_part_was_not_sent(
    trip: Trip, failure: ClipferryError | grpc.StatusCode, reason: Reason
) -> None:
    trip.notifier.failure = failure
    trip.notifier.fail_after_bytes = 2 * PART
    assert await trip.failure() is reason
    assert trip.commits == []


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ClipferryError(Reason.TELEGRAM_FLOOD, retry_after_s=3), Reason.TELEGRAM_FLOOD),
        (ClipferryError(Reason.CHECKSUM_MISMATCH), Reason.CHECKSUM_MISMATCH),
        (ClipferryError(Reason.DELIVERY_UNKNOWN), Reason.DELIVERY_UNKNOWN),
        (ClipferryError(Reason.INTERNAL), Reason.DELIVERY_UNKNOWN),
        (grpc.StatusCode.UNAVAILABLE, Reason.DELIVERY_UNKNOWN),
        (grpc.StatusCode.CANCELLED, Reason.DELIVERY_UNKNOWN),
    ],
)
async def test_after_the_last_part_only_a_definite_answer_counts(
    trip: Trip, failure: ClipferryError | grpc.StatusCode, reason: Reason
) -> None:
    trip.notifier.failure = failure
    assert await trip.failure() is reason
    assert len(trip.commits) == 1


async def test_silence_after_the_last_part_is_unknown(trip: Trip) -> None:
    trip.delivery = NotifierDelivery(trip.link, part_bytes=PART, answer_timeout_s=0.5, min_bytes_per_s=100_000_000)
    trip.notifier.answers.clear()
    with pytest.raises(ClipferryError) as caught:
        await trip.send()
    assert caught.value.reason is Reason.DELIVERY_UNKNOWN
    assert "the notifier had no answer within 0.5 s: it may have been sent" in caught.value.message
    trip.notifier.answers.set()


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ClipferryError(Reason.DELIVERY_UNKNOWN, "then the answer was HTTP status 500", status=500), "HTTP status 500"),
        (grpc.StatusCode.UNAVAILABLE, "the notifier was lost (UNAVAILABLE): it may have been sent"),
    ],
)
async def test_an_unknown_delivery_says_what_happened(
    trip: Trip, failure: ClipferryError | grpc.StatusCode, said: str
) -> None:
    """What the notifier knows is passed on; else that it was lost."""
    trip.notifier.failure = failure
    with pytest.raises(ClipferryError) as caught:
        await trip.send()
    assert caught.value.reason is Reason.DELIVERY_UNKNOWN
    assert said in caught.value.message


async def test_an_outcome_that_was_known_already_ends_the_upload(trip: Trip) -> None:
    trip.notifier.replays = True
    assert (await trip.send()).message_id == 8
    assert trip.commits == []


async def test_a_chat_that_has_moved_gets_the_file_once_more(trip: Trip) -> None:
    """Telegram refused the whole file and said where the chat is now: it goes there, whole, with its own commit."""
    trip.notifier.moved_to = "-1007"

    receipt = await trip.send()

    assert receipt.message_id == 8
    assert trip.notifier.call_count == 2
    assert trip.notifier.header is not None
    assert trip.notifier.header.destination == "-1007"
    assert bytes(trip.notifier.data) == DATA
    assert trip.commits == [len(DATA) - PART] * 2


async def test_a_chat_that_moves_again_is_given_up(trip: Trip) -> None:
    """Once more, not for ever; the error names where it went."""
    trip.notifier.failure = ClipferryError(Reason.CHAT_UNAVAILABLE, migrate_to_chat_id=-1008)

    with pytest.raises(ClipferryError) as caught:
        await trip.send()

    assert (caught.value.reason, caught.value.metadata) == (Reason.CHAT_UNAVAILABLE, {"migrate_to_chat_id": "-1008"})
    assert trip.notifier.call_count == 2


async def test_a_wait_for_the_chats_turn_is_told(trip: Trip) -> None:
    """It is no progress, and is told as what it is."""
    trip.notifier.wait_s = 2.5

    await trip.send()

    assert trip.waits == [2.5]
    assert trip.sent[0] > 0


async def test_a_large_file_may_take_longer_to_be_answered(trip: Trip) -> None:
    """A local Bot API server takes the file at once, and is silent while it uploads it."""
    trip.delivery = NotifierDelivery(trip.link, part_bytes=PART, answer_timeout_s=0.1, min_bytes_per_s=len(DATA) // 20)
    trip.notifier.answers.clear()
    sending = asyncio.create_task(trip.send())
    await trip.notifier.got_last.wait()
    await asyncio.sleep(0.4)

    trip.notifier.answers.set()

    assert (await sending).message_id == 8


async def test_cancelling_closes_the_call(trip: Trip) -> None:
    trip.notifier.takes.clear()
    sending = asyncio.create_task(trip.send())
    await trip.notifier.got_part.wait()
    sending.cancel()
    await asyncio.wait([sending])
    await asyncio.wait_for(trip.notifier.ended.wait(), 30)
    assert trip.notifier.last is None


async def test_a_notifier_that_is_not_there_sends_nothing() -> None:
    async with open_link("127.0.0.1:1") as link:
        trip = Trip(
            NotifierDelivery(link, part_bytes=PART, answer_timeout_s=0.5, min_bytes_per_s=100_000_000),
            ScriptedNotifier(),
            link,
        )
        assert await trip.failure() is Reason.UNAVAILABLE
