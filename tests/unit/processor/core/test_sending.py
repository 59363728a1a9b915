"""What cannot be fetched a second time is held while it is put off; everything else goes back to the queue at once."""

import asyncio

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.progress import ProgressLine
from services.processor.core.run import Header, MediaKind, Progress
from services.processor.core.sending import Sending
from tests.fakes.clock import FakeClock, let_others_run
from tests.fakes.processor_tools import RECEIPT, BytesLayout, FakeDelivery, FakeLeases, Script, a_run

HEADER = Header(
    run=a_run(timeout_s=300),
    file_name="a.mp4",
    mime_type="video/mp4",
    size_bytes=4,
    caption="",
    kind=MediaKind.VIDEO,
    duration_s=1,
    width=2,
    height=2,
    thumbnail=b"",
    title="",
    performer="",
)
LAYOUT = BytesLayout(b"film")


class Scene:
    """A chat that answers as its script says."""

    def __init__(self) -> None:
        self.script = Script()
        self.clock = FakeClock()
        self.delivery = FakeDelivery(self.script)
        self.said: list[Progress] = []
        line = ProgressLine(self.said.append, self.clock, guess_bytes=4)
        leases = FakeLeases(self.script)
        self.sending = Sending(HEADER.run, self.delivery, leases, line, self.clock, on_commit=lambda: None)

    async def refused(self, error: ClipferryError, *, is_recording: bool) -> asyncio.Task[object]:
        """Send, and be refused after the whole file went out."""
        self.script.failures["answer"] = error
        task = asyncio.create_task(self.sending.send(HEADER, LAYOUT, is_recording=is_recording))
        await let_others_run()
        del self.script.failures["answer"]
        return task


@pytest.mark.parametrize(
    ("reason", "asked_s", "wait_s"), [(Reason.TELEGRAM_FLOOD, 200, 200), (Reason.TELEGRAM_UNREACHABLE, None, 15)]
)
async def test_a_recording_that_was_put_off_is_sent_after_the_wait(
    reason: Reason, asked_s: float | None, wait_s: int
) -> None:
    scene = Scene()
    task = await scene.refused(ClipferryError(reason, retry_after_s=asked_s), is_recording=True)
    scene.clock.advance(wait_s - 1)
    await let_others_run()
    assert scene.delivery.sent == []
    assert f"{wait_s} s" in scene.said[-1].message
    # Nothing is on its way out: a processor that ends now says that nothing was sent.
    assert not scene.sending.committed

    scene.clock.advance(1)
    assert await task == RECEIPT
    assert [data for _, data in scene.delivery.sent] == [b"film"]


@pytest.mark.parametrize(
    ("error", "is_recording"),
    [
        (ClipferryError(Reason.TELEGRAM_FLOOD, retry_after_s=200), False),
        (ClipferryError(Reason.TELEGRAM_FLOOD, retry_after_s=271), True),
        (ClipferryError(Reason.TELEGRAM_REJECTED), True),
        (ClipferryError(Reason.DELIVERY_UNKNOWN), True),
    ],
    ids=["no recording", "longer than the run may take", "refused for good", "perhaps sent"],
)
async def test_everything_else_ends_the_run(error: ClipferryError, is_recording: bool) -> None:
    scene = Scene()
    task = await scene.refused(error, is_recording=is_recording)
    with pytest.raises(ClipferryError) as raised:
        await task
    assert raised.value is error
