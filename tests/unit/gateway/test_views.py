"""Numbers and frames as clients get them."""

import json

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from clipferry.queue.v1 import job_pb2
from gateway.live.frames import text_frame
from gateway.views.facts import facts
from gateway.views.health import health_view
from gateway.views.job import sentence
from gateway.views.memory import formatted
from gateway.views.moment import iso


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (0, "0 MB"),
        (512, "512 B"),
        (1024, "1 KB"),
        (47_185_920, "45 MB"),
        (209_715_200, "200 MB"),
        (1_610_612_736, "1.5 GB"),
        (50_000_000, "47.7 MB"),
    ],
)
def test_bytes_for_people(size_bytes: int, shown: str) -> None:
    assert formatted(size_bytes) == shown


def test_moments_are_written_as_javascript_writes_them() -> None:
    assert iso(1_704_067_290_007) == "2024-01-01T00:01:30.007Z"


def test_numbers_of_errors_are_numbers_where_json_keeps_them() -> None:
    said = {"a": "7", "b": "-7", "c": "1e3", "d": "²", "e": "9" * 17}
    assert facts(said) == {"a": 7, "b": "-7", "c": "1e3", "d": "²", "e": "9" * 17}


def test_names_behind_errors_are_in_camel_case() -> None:
    """As all names in JSON are."""
    assert facts({"limit_per_min": "6", "size_bytes": "1", "field": "url"}) == {
        "limitPerMin": 6,
        "sizeBytes": 1,
        "field": "url",
    }


PROCESSING, SENDING = job_pb2.JOB_STATE_PROCESSING, job_pb2.JOB_STATE_SENDING
DOWNLOADING = job_pb2.Progress(stage=job_pb2.STAGE_DOWNLOADING, message="Downloading… 1 of 2 MB")


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (job_pb2.Job(state=PROCESSING, progress=DOWNLOADING), "Downloading… 1 of 2 MB"),
        (job_pb2.Job(state=PROCESSING, progress={"stage": "STAGE_PROBING"}), "Looking at the page…"),
        (job_pb2.Job(state=PROCESSING), "Processing"),
        (job_pb2.Job(state=SENDING, progress=DOWNLOADING), "Sending to Telegram"),
        (job_pb2.Job(state=PROCESSING, progress=DOWNLOADING, cancel_requested=True), "Cancelling"),
        (
            job_pb2.Job(state=job_pb2.JOB_STATE_COMPLETED, cancel_requested=True),
            "It was sent before it could be cancelled",
        ),
        (
            job_pb2.Job(state=job_pb2.JOB_STATE_FAILED, error={"message": "Say allow_live to record it."}),
            "Say allowLive to record it.",
        ),
    ],
)
def test_one_line_for_people_is_never_empty_and_never_of_before(job: job_pb2.Job, said: str) -> None:
    assert sentence(job) == said


@pytest.mark.parametrize("size", [0, 1, 123, 124, 65_533, 65_534, 70_000])
def test_a_frame_is_one_whole_text_frame(size: int) -> None:
    """At each boundary of the length field; read by another implementation."""
    reader = StreamReader()
    reader.feed_data(text_frame("x" * size))
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)

    frame = parsed.value.value
    assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
    assert json.loads(frame.data) == "x" * size


@pytest.mark.parametrize(
    ("workers", "is_reachable", "is_ready", "status"),
    [
        (1, True, True, "ok"),
        (1, True, False, "degraded"),
        (0, True, True, "degraded"),
        (1, False, True, "unavailable"),
        (1, False, False, "unavailable"),
    ],
)
def test_health_is_what_the_worst_part_leaves(workers: int, is_reachable: bool, is_ready: bool, status: str) -> None:
    view = health_view(
        job_pb2.Stats(workers=workers),
        queue_is_reachable=is_reachable,
        store_is_ready=is_ready,
        now="now",
        real_time=True,
        shows_use=False,
    )

    assert view.status == status
    assert view.services.store.status == ("ok" if is_ready else "unreachable")
