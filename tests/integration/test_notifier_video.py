"""SendVideo as the processor sees it: real gRPC in front, real HTTP and real media behind."""

import contextlib
import hashlib
import json
import math
from collections.abc import AsyncIterator
from itertools import pairwise

import grpc
import pytest

from clipferry.notifier.v1 import notifier_service_pb2 as pb
from services.chassis.errors import ClipferryError, Reason
from services.chassis.wire import duration
from tests.fakes.clips import jpeg, m4a_clip, mp4_clip, padded
from tests.fakes.notifier_tools import CHAT, Desk, open_desk

MIB = 1024 * 1024


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_every_field_arrives(desk: Desk) -> None:
    """Telegram gets the bytes as they were and everything it needs to show and stream them."""
    clip = padded(mp4_clip(), 300_000)

    outcome = await desk.send(
        clip,
        destination="-1001",
        file_name='Прогулка "в парке" 🌳.mp4',
        caption="_*[]` <b> & 🎬",
        duration=duration(0.6),
        width=720,
        height=1280,
        thumbnail=jpeg(),
        thread_id=77,
    )

    (message,) = desk.bot_api.messages
    assert (outcome.delivery.chat_id, outcome.delivery.message_id) == (-1001, message.message_id)
    assert outcome.delivery.size_bytes == len(clip)
    assert message.file is not None
    assert outcome.delivery.file_id == message.file.file_id
    assert not outcome.replayed
    fields = {key: value for key, value in message.fields.items() if key != "thumbnail"}
    assert fields == {
        "chat_id": "-1001",
        "caption": "_*[]` <b> & 🎬",
        "duration": "1",
        "width": "720",
        "height": "1280",
        "supports_streaming": "true",
        "message_thread_id": "77",
    }
    shown = message.as_json()["file"]
    assert shown["sha256"] == hashlib.sha256(clip).hexdigest()
    assert (shown["thumbnail_bytes"], shown["thumbnail_width"], shown["thumbnail_height"]) == (len(jpeg()), 320, 180)
    assert shown["decoded"]
    assert shown["moov_before_mdat"]
    assert shown["mime_type"] == "video/mp4"
    assert shown["name"] == "Прогулка 'в парке' 🌳.mp4"


async def test_nothing_is_told_that_is_not_known(desk: Desk) -> None:
    """Zero width, height or duration are left out: Telegram shows a black or 0:00 video for them."""
    await desk.send(mp4_clip())

    (message,) = desk.bot_api.messages
    assert message.fields == {"chat_id": CHAT, "supports_streaming": "true"}


async def test_audio_goes_as_audio(desk: Desk) -> None:
    """The sound alone arrives as a track with title, performer and length."""
    await desk.send(
        m4a_clip(),
        kind=2,
        mime_type="audio/mp4",
        file_name="track.m4a",
        title="Song",
        performer="Band",
        duration=duration(61.0),
        caption="Listen",
        thumbnail=jpeg(),
    )

    (message,) = desk.bot_api.messages
    assert message.method == "sendAudio"
    fields = {key: message.fields[key] for key in ("title", "performer", "duration", "caption")}
    assert fields == {"title": "Song", "performer": "Band", "duration": "61", "caption": "Listen"}
    assert message.file is not None
    assert (message.file.name, message.file.mime_type) == ("track.m4a", "audio/mp4")
    assert message.file.thumbnail == jpeg()


async def test_titles_are_never_markup(desk: Desk) -> None:
    """No parse mode is used: nothing in a title can be an error of it, and nothing is lost."""
    texts = ["_*[]()~`>#+-=|{}.!", "<b>x</i> &amp; <script>", "[a](tg://user?id=1", "```", "\\", "\u200f\u202ex"]
    for text in texts:
        await desk.send(mp4_clip(), caption=text)

    assert [message.fields["caption"] for message in desk.bot_api.messages] == texts
    assert all("parse_mode" not in message.fields for message in desk.bot_api.messages)


async def test_a_file_is_never_sent_as_a_document(desk: Desk) -> None:
    """What is no playable video is refused by Telegram and told; it does not arrive as a file without a word."""
    with pytest.raises(ClipferryError):
        await desk.send(bytes(100_000))

    assert set(desk.bot_api.faults.request_counts) == {"getMe", "sendVideo"}


async def test_a_part_that_is_too_large_is_refused_and_the_service_lives(desk: Desk) -> None:
    """A part has at most 512 KiB, and a message of 17,777,780 bytes does not get in at all."""
    for size_bytes, code in ((512 * 1024 + 1, "INVALID_ARGUMENT"), (17_777_780, "RESOURCE_EXHAUSTED")):
        upload = await desk.start(padded(mp4_clip(), 20_000_000))
        with contextlib.suppress(grpc.aio.AioRpcError):
            await upload.call.write(pb.SendVideoRequest(part=bytes(size_bytes)))
        assert (await upload.call.code()).name == code
    await desk.requests_ended()

    await desk.send(mp4_clip())

    assert len(desk.bot_api.messages) == 1


async def test_progress_rises_to_the_end(desk: Desk) -> None:
    """Progress never falls, tells when all but the last part is gone, and ends at the file's size."""
    clip = padded(mp4_clip(), 2 * MIB)
    upload = await desk.start(clip)
    await upload.write_all_but_last()
    await upload.progress_to(upload.before_last_bytes)

    await upload.write_last()
    await upload.outcome()

    assert len(clip) == upload.sent_bytes[-1]
    assert all(left < right for left, right in pairwise(upload.sent_bytes))
    # Twenty a second, and the few parts at the end.
    assert len(upload.sent_bytes) <= 2 + math.ceil(256 / 64) + 20 * 5


async def test_nothing_is_sent_before_the_last_part(desk: Desk) -> None:
    """While the last part is withheld Telegram has no message; a cancel then leaves none."""
    clip = padded(mp4_clip(), MIB)
    upload = await desk.start(clip)
    await upload.write_all_but_last()
    await upload.progress_to(upload.before_last_bytes)

    assert len(desk.bot_api.messages) == 0
    upload.call.cancel()
    await desk.send_text("the notifier goes on")

    assert [message.method for message in desk.bot_api.messages] == ["sendMessage"]
    assert desk.bot_api.faults.request_counts["sendVideo"] == 1


async def test_cancel_lets_go_of_the_bot_api(desk: Desk) -> None:
    """A cancelled upload drops its connection at once: the Bot API's handler ends."""
    clip = padded(mp4_clip(), MIB)
    upload = await desk.start(clip)
    await upload.write_all_but_last()
    await upload.progress_to(upload.before_last_bytes)

    upload.call.cancel()

    assert await upload.call.code() == grpc.StatusCode.CANCELLED
    await desk.requests_ended()


async def test_damaged_file_is_not_sent(desk: Desk) -> None:
    """A checksum that differs cuts the body before its last part."""
    upload = await desk.start(padded(mp4_clip(), MIB))
    await upload.write_all_but_last()
    await upload.write_last(crc32c=1)

    with pytest.raises(ClipferryError) as caught:
        await upload.outcome()

    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    assert len(desk.bot_api.messages) == 0


@pytest.mark.parametrize("announced_bytes", [-1, +1, -MIB // 2, +MIB])
async def test_size_must_be_exact(desk: Desk, announced_bytes: int) -> None:
    """More or fewer bytes than announced: nothing is sent."""
    clip = padded(mp4_clip(), MIB)

    with pytest.raises(ClipferryError) as caught:
        await desk.send(clip, size_bytes=len(clip) + announced_bytes)

    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    assert len(desk.bot_api.messages) == 0


async def test_stream_that_ends_early_sends_nothing(desk: Desk) -> None:
    """A processor that half-closes without a last part has sent no video."""
    upload = await desk.start(padded(mp4_clip(), MIB))
    await upload.write_all_but_last()
    await upload.call.done_writing()

    with pytest.raises(ClipferryError) as caught:
        await upload.outcome()

    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
    assert len(desk.bot_api.messages) == 0


async def test_stalled_processor_is_given_up() -> None:
    """When no part comes for UPLOAD_STALL_S the body is cut."""
    async with open_desk(upload_stall_s=1.5) as desk:
        upload = await desk.start(padded(mp4_clip(), MIB))
        await upload.write_all_but_last()

        with pytest.raises(ClipferryError) as caught:
            await upload.outcome()

        assert caught.value.reason is Reason.STALLED
        assert len(desk.bot_api.messages) == 0


async def test_repeat_returns_the_first_delivery(desk: Desk) -> None:
    """The same key is sent once; the repeat needs no part of the file."""
    first = await desk.send(mp4_clip(), idempotency_key="jobs/1")
    upload = await desk.start(mp4_clip(), idempotency_key="jobs/1")

    second = await upload.outcome()

    assert second.replayed
    assert first.delivery == second.delivery
    assert len(desk.bot_api.messages) == 1


async def test_failed_delivery_is_no_known_outcome(desk: Desk) -> None:
    """After a refusal the same key is sent anew."""
    desk.fault("flood", retry_after=1)
    with pytest.raises(ClipferryError):
        await desk.send(mp4_clip(), idempotency_key="jobs/1")

    outcome = await desk.send(mp4_clip(), idempotency_key="jobs/1")

    assert not outcome.replayed
    assert len(desk.bot_api.messages) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"destination": "nobody at all"}, "destination"),
        ({"file_name": ""}, "file_name"),
        ({"file_name": "a/b.mp4"}, "file_name"),
        ({"file_name": "я" * 128}, "file_name"),
        ({"file_name": "a\r\nX: 1.mp4"}, "file_name"),
        ({"mime_type": "video/mp4\r\nX: 1"}, "mime_type"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"caption": "🎬" * 512 + "a"}, "caption"),
        ({"thumbnail": b"\xff\xd8\xff" + bytes(200_000 - 3)}, "thumbnail"),
        ({"thumbnail": b"\x89PNG"}, "thumbnail"),
        ({"width": -1}, "width"),
        ({"thread_id": -1}, "thread_id"),
        ({"idempotency_key": "x" * 129}, "idempotency_key"),
    ],
)
async def test_bad_header_is_refused_before_anything_is_sent(
    desk: Desk, changes: dict[str, object], field: str
) -> None:
    """Telegram is not even called for what it would refuse."""
    with pytest.raises(ClipferryError) as caught:
        await desk.send(mp4_clip(), **changes)

    assert caught.value.reason is Reason.FIELD_INVALID
    assert field == caught.value.metadata["field"]
    assert desk.bot_api.faults.request_counts["sendVideo"] == 0


async def test_limits_themselves_are_allowed(desk: Desk) -> None:
    """1,024 UTF-16 units and 255 bytes of name are accepted by both sides."""
    await desk.send(mp4_clip(), caption="🎬" * 512, file_name="я" * 125 + "a.mp4", destination="@news")

    (message,) = desk.bot_api.messages
    assert message.fields["caption"] == "🎬" * 512
    assert message.fields["chat_id"] == "@news"


async def test_the_size_limit_is_exact(desk: Desk) -> None:
    """50,000,000 bytes of media arrive, whatever the multipart body adds; one more is refused before it is sent."""
    clip = padded(mp4_clip(), 50_000_000)

    await desk.send(padded(mp4_clip(), 49_999_999), thumbnail=jpeg(), caption="🎬" * 512)
    await desk.send(clip, thumbnail=jpeg(), caption="🎬" * 512)
    with pytest.raises(ClipferryError) as caught:
        await desk.send(clip + b"\0")

    sizes_bytes = [len(message.file.data) for message in desk.bot_api.messages if message.file is not None]
    assert sizes_bytes == [49_999_999, 50_000_000]
    assert caught.value.reason is Reason.VIDEO_TOO_LARGE
    assert caught.value.metadata == {"size_bytes": "50000001", "limit_bytes": "50000000"}
    assert desk.bot_api.faults.request_counts["sendVideo"] == 2


async def test_media_that_does_not_decode_is_refused(desk: Desk) -> None:
    """The stand-in decodes what it gets; its refusal comes back as Telegram's would."""
    with pytest.raises(ClipferryError) as caught:
        await desk.send(bytes(300_000))

    assert caught.value.reason is Reason.TELEGRAM_REJECTED
    assert "wrong file" in caught.value.message
    assert len(desk.bot_api.messages) == 0


async def test_messages_are_json(desk: Desk) -> None:
    """What the stand-in shows to tests of other processes can be written as JSON."""
    await desk.send(mp4_clip())

    assert json.loads(json.dumps([message.as_json() for message in desk.bot_api.messages]))
