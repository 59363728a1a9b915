"""Which codecs Telegram's apps play, on every platform."""

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.claims import MOST_PIXELS

PLAYABLE_VIDEO = frozenset({"h264", "hevc"})
PLAYABLE_AUDIO = frozenset({"aac", "mp3"})

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
    """Return ffmpeg's name of a codec that a site calls `tag`, such as ``avc1.64001f``; `tag` if it does not play."""
    text = tag.lower()
    return next((name for start, name in _NAMES if text.startswith(start)), text)


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
