"""Which codecs Telegram's apps play, on every platform."""

import re

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.claims import MOST_PIXELS

PLAYABLE_VIDEO = frozenset({"h264", "hevc"})
PLAYABLE_AUDIO = frozenset({"aac", "mp3"})

_PLAYABLE_PROFILES = {
    "h264": frozenset({"Constrained Baseline", "Baseline", "Extended", "Main", "High"}),
    "hevc": frozenset({"Main", "Main 10"}),
}
"""As ffmpeg names them. What has more bits or more colour (High 10, High 4:2:2, High 4:4:4 Predictive, Rext) plays on
no phone, whatever of it a file uses."""
_PROFILES_BY_NUMBER = {
    "h264": {
        66: "Baseline",
        77: "Main",
        88: "Extended",
        100: "High",
        110: "High 10",
        122: "High 4:2:2",
        244: "High 4:4:4 Predictive",
    },
    "hevc": {1: "Main", 2: "Main 10", 4: "Rext"},
}
"""The numbers of ITU-T H.264 and H.265, Annex A."""

_TAGGED_PROFILE = re.compile(r"avc[13]\.([0-9a-f]{2})[0-9a-f]{4}$|(?:hvc|hev)1\.[abc]?(\d{1,2})\.")
"""In the names of RFC 6381: hexadecimal for H.264, decimal for HEVC."""

_NAMES = (
    ("avc", "h264"),
    ("h264", "h264"),
    ("hvc", "hevc"),
    ("hev", "hevc"),
    ("hevc", "hevc"),
    ("h265", "hevc"),
    ("dvh", "hevc"),
    ("mp4a.69", "mp3"),
    ("mp4a.6b", "mp3"),
    ("mp4a.40.34", "mp3"),
    ("mp4a", "aac"),
    ("aac", "aac"),
    ("mp3", "mp3"),
)


def codec_name(tag: str) -> str:
    """Return what a codec is called here that a site calls `tag`, such as ``avc1.64001f``; `tag` if unknown."""
    text = tag.lower()
    if " " in text:  # with a profile that does not play: see `picture_codec`
        return text
    name = next((name for start, name in _NAMES if text.startswith(start)), text)
    profile = _TAGGED_PROFILE.match(text)
    if profile is None:
        return name
    return numbered_picture_codec(name, int(profile[1], 16) if profile[1] else int(profile[2]))


def picture_codec(codec: str, profile: str) -> str:
    """Return what a picture is called here: its codec, and its profile where that keeps it from being played.

    Args:
        codec: As ffmpeg names it.
        profile: As ffmpeg names it; empty when unknown: then it counts as one that plays.
    """
    playable = _PLAYABLE_PROFILES.get(codec)
    return codec if playable is None or not profile or profile in playable else f"{codec} {profile}"


def numbered_picture_codec(codec: str, profile: int) -> str:
    """Return the same for a profile that a container names by its number; 0 when unknown."""
    names = _PROFILES_BY_NUMBER.get(codec, {})
    return picture_codec(codec, names.get(profile, f"profile {profile}") if profile else "")


def plays(video_codec: str, audio_codec: str) -> bool:
    """Return whether all of Telegram's apps show and sound what has these codecs; an empty one is not there."""
    try:
        check_playable(video_codec, audio_codec)
    except ClipferryError:
        return False
    return True


def check_playable(video_codec: str, audio_codec: str) -> None:
    """Refuse what some of Telegram's apps show black or silent.

    Raises:
        ClipferryError: UNPLAYABLE, naming the codec.
    """
    if not video_codec and not audio_codec:
        raise ClipferryError(Reason.UNPLAYABLE, "The file holds neither picture nor sound.")
    for kind, codec, playable in (
        ("picture", video_codec, PLAYABLE_VIDEO),
        ("sound", audio_codec, PLAYABLE_AUDIO),
    ):
        if codec and codec not in playable:
            raise ClipferryError(
                Reason.UNPLAYABLE,
                f"The {kind} is {codec}; Telegram's apps play {' or '.join(sorted(playable))}.",
                codec=codec,
            )


def check_picture(width: int, height: int) -> None:
    """Refuse a picture that no phone can decode, and that would take all memory here.

    Raises:
        ClipferryError: UNPLAYABLE, with value and limit.
    """
    if width * height > MOST_PIXELS:
        raise ClipferryError(
            Reason.UNPLAYABLE,
            f"The picture has {width} x {height} pixels; the limit is {MOST_PIXELS} pixels.",
            width=width,
            height=height,
            limit_pixels=MOST_PIXELS,
        )
