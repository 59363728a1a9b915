"""The same over HTTPS, as the real Bot API is reached."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.errors import ClipferryError, Reason
from tests.fakes.certificates import write_certificate
from tests.fakes.clips import mp4_clip, padded
from tests.fakes.notifier_tools import Desk, open_desk

MIB = 1024 * 1024


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    certificate, context = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with open_desk(tls=context) as opened:
        yield opened


async def test_video_arrives_over_tls(desk: Desk) -> None:
    """What TLS itself sends down while the body goes up is not taken for an answer."""
    clip = padded(mp4_clip(), 8 * MIB)

    await desk.send(clip)

    (message,) = desk.bot_api.messages
    assert message.file is not None
    assert clip == message.file.data


async def test_early_refusal_is_heard_over_tls(desk: Desk) -> None:
    """A 429 before the end of the body is heard while the processor pauses."""
    desk.fault("flood", retry_after=7, is_early=True)
    upload = await desk.start(padded(mp4_clip(), 8 * MIB))
    await upload.write_part(0)

    with pytest.raises(ClipferryError) as caught:
        await upload.outcome()

    assert caught.value.reason is Reason.TELEGRAM_FLOOD


async def test_unknown_certificate_means_nothing_was_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot prove who it is gets no token and no byte."""
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(ClipferryError) as caught:
        await desk.send(mp4_clip())

    assert caught.value.reason is Reason.TELEGRAM_UNREACHABLE
    assert "its certificate could not be verified; nothing was sent" in caught.value.message
    assert len(desk.bot_api.messages) == 0
