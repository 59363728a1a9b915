"""Which ways of a site are offered, and in which order, by what yt-dlp says of its formats."""

from typing import Any

import pytest

from services.processor.adapters.offers import offers_of
from services.processor.adapters.page import choose


def fmt(name: str, **changes: Any) -> dict[str, Any]:
    """Return a whole mp4 with H.264 and AAC."""
    base = {
        "format_id": name,
        "url": f"https://example.com/{name}",
        "protocol": "https",
        "ext": "mp4",
        "vcodec": "avc1.64001f",
        "acodec": "mp4a.40.2",
        "width": 1280,
        "height": 720,
        "filesize": 1_000,
    }
    return base | changes


def picture(name: str, **changes: Any) -> dict[str, Any]:
    return fmt(name, **{"acodec": "none", **changes})


def sound(name: str, **changes: Any) -> dict[str, Any]:
    return fmt(name, **{"vcodec": "none", "ext": "m4a", "width": None, "height": None, "filesize": 100, **changes})


def names(*formats: dict[str, Any], is_audio: bool = False) -> list[str]:
    return [offer.format_id for offer in offers_of({"formats": list(formats)}, is_audio=is_audio)]


def test_what_plays_comes_before_what_is_large() -> None:
    """VP9, AV1 and Opus come after all H.264 and AAC, whatever the size of their picture."""
    assert names(
        fmt("360", height=360, width=640, filesize=500),
        fmt("720"),
        fmt("vp9", vcodec="vp09.00.41.08", width=3840, height=2160, filesize=400),
        fmt("opus", acodec="opus", width=1920, height=1080, filesize=200),
        fmt("av1", vcodec="av01.0.08M.08", width=1920, height=1080, filesize=300),
    ) == ["720", "360", "vp9", "av1", "opus"]


@pytest.mark.parametrize("codec", ["avc1.6e0028", "avc1.7A0028", "avc1.f4001f", "hvc1.4.10.L93.B0", "hev1.4.10.L93"])
def test_profiles_that_no_phone_plays_come_last(codec: str) -> None:
    """By the names of RFC 6381: High 10, High 4:2:2, High 4:4:4, and HEVC beyond Main 10."""
    assert names(fmt("large", vcodec=codec, width=3840, height=2160, filesize=900), fmt("720")) == ["720", "large"]
    assert names(fmt("large", vcodec="hvc1.2.4.L93.B0", width=3840, height=2160)) == ["large"]


def test_the_best_sound_goes_with_a_picture() -> None:
    """One that plays, before one of a higher bitrate; the smallest is offered too, for where it just fits."""
    formats = [
        sound("low", filesize=40),
        sound("high", filesize=200),
        sound("opus", acodec="opus", filesize=300),
        picture("1080", width=1920, height=1080, filesize=4_000),
    ]
    offers = offers_of({"formats": formats}, is_audio=False)

    assert offers[0].format_id == "1080+high"
    assert offers[0].merges
    assert offers[0].estimated_bytes == 4_200


def test_what_is_neither_better_nor_smaller_is_left_out() -> None:
    """Of ten thousand formats, few are worth telling."""
    many = [fmt(str(number), filesize=2_000, height=100, width=100) for number in range(10_000)]

    assert names(*many, fmt("best")) == ["best"]


def test_a_whole_file_is_kept_beside_a_smaller_merge() -> None:
    """A merge needs its size twice: where memory is short, only the whole file may fit."""
    whole = fmt("whole", filesize=2_000)

    assert set(names(whole, picture("p", width=1920, height=1080, filesize=900), sound("s"))) >= {"p+s", "whole"}


@pytest.mark.parametrize(
    ("changes", "plays"),
    [
        ({"vcodec": None, "acodec": None}, True),
        ({"vcodec": None, "acodec": None, "ext": "webm"}, False),
        ({"vcodec": "h264", "acodec": "mp3"}, True),
        ({"vcodec": "hvc1.1.6.L93.B0"}, True),
        ({"vcodec": "vp9"}, False),
        ({"acodec": "ac-3"}, False),
        ({"vcodec": "avc1", "acodec": None}, True),
    ],
)
def test_what_plays_is_known_by_its_codecs(changes: dict[str, Any], plays: bool) -> None:
    """Where a site names none, by the extension: no webm holds what plays."""
    assert offers_of({"formats": [fmt("x", **changes)]}, is_audio=False)[0].plays is plays


def test_a_sound_comes_without_a_picture_where_it_can() -> None:
    """For who wants sound: m4a before opus, sounds before videos."""
    formats = (fmt("video"), sound("opus", acodec="opus", ext="webm", filesize=90), sound("m4a"))

    assert names(*formats, is_audio=True)[0] == "m4a"
    assert names(formats[0], is_audio=True) == ["video"]


def test_drm_is_never_offered() -> None:
    assert names(fmt("locked", has_drm=True, height=1080), fmt("open")) == ["open"]


def test_an_unknown_size_stays_unknown() -> None:
    """A merge of which one part is unknown is unknown; an HLS master's bitrate counts the sound that goes with it."""
    parts = [picture("p", filesize=900), sound("s", filesize=None)]
    assert offers_of({"formats": parts}, is_audio=False)[0].estimated_bytes == 0

    hls = [{**part, "protocol": "m3u8_native"} for part in parts]
    assert offers_of({"formats": hls}, is_audio=False)[0].estimated_bytes == 900


class Selecting:
    """What of yt-dlp chooses formats."""

    format_selector: object = None

    def build_format_selector(self, text: str) -> str:
        return f"selects {text}"


def test_choosing_a_single_offer_forgets_the_merge_of_before() -> None:
    """yt-dlp has chosen a merge already; its parts would be fetched instead of the file that was chosen."""
    ydl = Selecting()
    parts = [picture("p"), sound("s")]
    info = {"formats": [*parts, fmt("whole")], "format_id": "p+s", "requested_formats": parts}

    chosen = choose(ydl, info, "whole")

    assert "requested_formats" not in chosen
    assert (chosen["url"], ydl.format_selector) == ("https://example.com/whole", "selects whole")
    assert choose(ydl, info, "p+s") is info
