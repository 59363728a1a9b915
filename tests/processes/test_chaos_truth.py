"""The judge of the fault tests: what counts as lost, as doubled, and as a lie."""

import pytest

from clipferry.queue.v1 import job_pb2
from tests.processes.chaos_truth import Ending, MessageLog, tally


def ending(state: str, message_ids: list[int], *, reason: str = "", told: int = 0) -> Ending:
    """Return an ending of which the queue says `state`, `reason` and message `told`."""
    job = job_pb2.Job(state=f"JOB_STATE_{state}")
    job.error.reason = reason
    job.delivery.message_id = told
    return Ending(job, message_ids)


@pytest.mark.parametrize(
    "true",
    [
        ending("COMPLETED", [7], told=7),
        ending("FAILED", [], reason="GONE"),
        ending("CANCELLED", []),
        ending("FAILED", [], reason="DELIVERY_UNKNOWN"),
        ending("FAILED", [7], reason="DELIVERY_UNKNOWN"),
    ],
    ids=["delivered", "failed", "cancelled", "unknown and not sent", "unknown and sent"],
)
def test_true_ends(true: Ending) -> None:
    assert not true.lie
    assert not true.is_lost
    assert not true.is_doubled


@pytest.mark.parametrize(
    ("false", "lost", "doubled"),
    [
        (Ending(None, []), True, False),
        (ending("QUEUED", []), True, False),
        (ending("SENDING", [7]), True, False),
        (ending("COMPLETED", [], told=7), True, False),
        (ending("COMPLETED", [7], told=8), False, False),
        (ending("COMPLETED", [7, 8], told=7), False, True),
        (ending("FAILED", [7], reason="GONE"), False, False),
        (ending("FAILED", [7, 8], reason="DELIVERY_UNKNOWN"), False, True),
        (ending("CANCELLED", [7]), False, False),
    ],
    ids=[
        "not known",
        "not ended",
        "not ended though sent",
        "delivered without a message",
        "another message",
        "delivered twice",
        "failed though sent",
        "unknown and sent twice",
        "cancelled though sent",
    ],
)
def test_false_ends(false: Ending, *, lost: bool, doubled: bool) -> None:
    found = tally({"one": false, "other": ending("CANCELLED", [])})

    assert list(found.lies) == ["one"]
    assert found.lost == (["one"] if lost else [])
    assert found.doubled == (["one"] if doubled else [])


def message(number: int, caption: str) -> dict[str, object]:
    return {"number": number, "message_id": number + 100, "fields": {"caption": caption}}


def test_messages_are_counted_although_the_oldest_are_forgotten() -> None:
    """Looks overlap; each message counts once, under its caption."""
    log = MessageLog()
    log.add([message(1, "a"), message(2, "b")])
    log.add([message(2, "b"), message(3, "a")])

    log.check_whole()
    assert log.by_caption() == {"a": [101, 103], "b": [102]}


def test_a_message_that_was_never_seen_is_noticed() -> None:
    log = MessageLog()
    log.add([message(1, "a")])
    log.add([message(3, "a")])

    with pytest.raises(AssertionError, match="1 of 3 messages"):
        log.check_whole()
