"""Which codecs Telegram's apps play, on every platform."""

from services.chassis.errors import ClipferryError, Reason

PLAYABLE_VIDEO = frozenset({"h264", "hevc"})
PLAYABLE_AUDIO = frozenset({"aac", "mp3"})


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
