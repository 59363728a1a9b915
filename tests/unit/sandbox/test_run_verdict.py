"""A delivery that is not whole is never called whole."""

import copy
from typing import Any

import pytest

from sandbox.run.verdict import content_faults, form_faults, sample_faults
from sandbox.site.media import mp4_box

MESSAGE: dict[str, Any] = {
    "method": "sendVideo",
    "fields": {"width": "640", "height": "360", "duration": "8", "supports_streaming": "true"},
    "file": {"decoded": True, "moov_before_mdat": True, "thumbnail_bytes": 900},
}
SAMPLE: dict[str, Any] = {"width": 640, "height": 360, "duration_s": 8.0, "same_bytes": True}


def test_a_whole_delivery_has_no_faults() -> None:
    assert form_faults(MESSAGE) + sample_faults(MESSAGE, SAMPLE) == []


@pytest.mark.parametrize(
    ("where", "what", "value"),
    [
        ("", "method", "sendDocument"),
        ("file", "decoded", False),
        ("file", "moov_before_mdat", False),
        ("file", "thumbnail_bytes", 0),
        ("fields", "supports_streaming", "false"),
        ("fields", "width", "0"),
        ("fields", "duration", "0"),
        ("fields", "height", "640"),
        ("fields", "duration", "9"),
    ],
)
def test_each_flaw_is_one_fault_or_more(where: str, what: str, value: object) -> None:
    message = copy.deepcopy(MESSAGE)
    (message[where] if where else message)[what] = value

    assert form_faults(message) + sample_faults(message, SAMPLE)


async def test_bytes_that_are_not_the_sites() -> None:
    """Too few, others than were sent, and nothing that plays: each is named."""
    body = (8).to_bytes(4, "big") + b"ftyp" + (12).to_bytes(4, "big") + b"mdatabcd"
    truth = {"clip_size_bytes": 99, "mdat_sha256": "0" * 64, "frames_sha256": "0" * 64}

    found = await content_faults(body, SAMPLE, truth)

    assert len(found) == 3
    assert "20 bytes instead of 99" in found[0]


def test_boxes() -> None:
    """Plain, 64-bit and to-the-end sizes; a box that is not there is an error."""
    plain = (12).to_bytes(4, "big") + b"freeabcd"
    large = (1).to_bytes(4, "big") + b"wide" + (20).to_bytes(8, "big") + b"efgh"
    rest = (0).to_bytes(4, "big") + b"mdatijkl"

    body = plain + large + rest

    assert [mp4_box(body, kind) for kind in (b"free", b"wide", b"mdat")] == [b"abcd", b"efgh", b"ijkl"]
    with pytest.raises(ValueError, match="no moov"):
        mp4_box(body, b"moov")
