"""What Telegram has asked for is remembered for as long as it asked, and by the name of the chat."""

import pytest

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.flooded import FloodedChats


def flooded(retry_after_s: float | None, reason: Reason = Reason.TELEGRAM_FLOOD) -> FloodedChats:
    chats = FloodedChats()
    chats.note("@News", ClipferryError(reason, retry_after_s=retry_after_s), now_s=100)
    return chats


def test_the_wait_that_is_left_is_told() -> None:
    with pytest.raises(ClipferryError) as caught:
        flooded(222).check("@news", now_s=130)

    assert (caught.value.reason, caught.value.retry_after_s) == (Reason.TELEGRAM_FLOOD, 192)


@pytest.mark.parametrize(
    ("chats", "chat", "now_s"),
    [
        (flooded(222), "@other", 101),
        (flooded(222), "@news", 400),
        (flooded(222), "@news", 270),
        (flooded(None), "@news", 101),
        (flooded(222, Reason.RATE_LIMITED), "@news", 101),
    ],
    ids=["another chat", "over", "over before the video is there", "no time told", "another reason"],
)
def test_whoever_may_go_goes(chats: FloodedChats, chat: str, now_s: float) -> None:
    chats.check(chat, now_s=now_s)
