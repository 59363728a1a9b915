"""The ways in which a site serves one video, best first: what plays comes before what is large."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from services.processor.adapters.claims import side
from services.processor.adapters.codecs import PLAYABLE_AUDIO, PLAYABLE_VIDEO, codec_name
from services.processor.adapters.tally import estimated_bytes
from services.processor.core.run import Offer

_CONSIDERED_COUNT = 300
"""Formats of one video that are looked at, the best of them."""
_NEVER_PLAYED = frozenset({"webm", "ogv", "ogg", "oga", "opus", "wmv", "mpg", "mpeg", "rm", "flac", "wav"})
"""Extensions of what no format of ours can be in, where a site names no codec."""
_DIRECT = frozenset({"http", "https"})
HLS_PROTOCOLS = frozenset({"m3u8", "m3u8_native"})

Format: TypeAlias = Mapping[str, Any]


def offers_of(info: Mapping[str, Any], *, is_audio: bool) -> tuple[Offer, ...]:
    """Return the offers of a video by yt-dlp's description of it.

    Those that are neither better nor smaller than another are left out, so that there are few.
    """
    formats = [fmt for fmt in formats_of(info) if not fmt.get("has_drm")][-_CONSIDERED_COUNT:]
    ranked = _sounds(formats) if is_audio else _videos(formats)
    return tuple(_smaller_and_smaller(ranked))


def formats_of(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the formats of a video, the best last: itself, where it is in one only."""
    return info.get("formats") or [info]


def has_picture(info: Mapping[str, Any]) -> bool:
    """Return whether one of the formats of a video may hold a picture."""
    return any(map(_has_picture, formats_of(info)))


def is_direct(fmt: Format) -> bool:
    """Return whether a format is one file on one address."""
    return fmt.get("protocol") in _DIRECT and not fmt.get("fragments")


def streams(fmt: Format) -> bool:
    """Return whether ffmpeg can read a format from the web by itself."""
    protocol = fmt.get("protocol")
    is_manifest = protocol in HLS_PROTOCOLS or (
        protocol == "http_dash_segments" and fmt.get("manifest_stream_number") is not None
    )
    return (is_direct(fmt) or is_manifest) and not fmt.get("impersonate")


def offer(parts: Sequence[Format], *, is_audio: bool) -> Offer:
    """Return the offer that consists of these formats."""
    sizes = [estimated_bytes(part) for part in parts]
    picture = parts[0]
    # What an HLS master says of a picture counts the sound that goes with it.
    is_known = bool(sizes[0]) and all(
        size or part.get("protocol") in HLS_PROTOCOLS for part, size in zip(parts, sizes, strict=True)
    )
    return Offer(
        format_id="+".join(str(part.get("format_id")) for part in parts),
        estimated_bytes=sum(sizes) if is_known else 0,
        width=0 if is_audio else side(picture.get("width")),
        height=0 if is_audio else side(picture.get("height")),
        # Pieces are joined into one file, which is then written again as mp4.
        merges=len(parts) > 1 or not is_direct(picture),
        plays=all(_plays(part, is_audio=is_audio) for part in parts),
        streams=all(map(streams, parts)),
        has_picture=not is_audio,
    )


def _videos(formats: Sequence[Format]) -> list[Offer]:
    """Return offers with a picture: by what plays, then by size of the picture, then by the order of yt-dlp."""
    whole = [[fmt] for fmt in formats if _has_picture(fmt) and fmt.get("acodec") != "none"]
    pictures = [fmt for fmt in formats if _has_picture(fmt) and fmt.get("acodec") == "none"]
    sounds = _ranked_sounds(formats)
    # The best one, and the last one for where every byte counts; a silent picture goes alone.
    companions = [[sound] for sound in (sounds[:1] + sounds[1:][-1:])] or [[]]
    pairs = [[picture, *companion] for picture in pictures for companion in companions]
    return _ranked(whole + pairs, formats, is_audio=False)


def _sounds(formats: Sequence[Format]) -> list[Offer]:
    """Return offers with a sound: those without a picture first."""
    alone = [offer([fmt], is_audio=True) for fmt in _ranked_sounds(formats)]
    inside = [[fmt] for fmt in formats if _has_picture(fmt) and fmt.get("acodec") != "none"]
    return alone + _ranked(inside, formats, is_audio=True)


def _ranked(candidates: Sequence[Sequence[Format]], formats: Sequence[Format], *, is_audio: bool) -> list[Offer]:
    place = {id(fmt): index for index, fmt in enumerate(formats)}
    made = [(offer(parts, is_audio=is_audio), place[id(parts[0])]) for parts in candidates]
    made.sort(key=lambda one: (one[0].plays, one[0].width * one[0].height, not one[0].merges, one[1]), reverse=True)
    return [one for one, _ in made]


def _ranked_sounds(formats: Sequence[Format]) -> list[Format]:
    """Return the formats without a picture: what plays first, then by the order of yt-dlp."""
    sounds = [fmt for fmt in formats if not _has_picture(fmt) and fmt.get("acodec") != "none"]
    sounds.sort(key=lambda fmt: _plays(fmt, is_audio=True))
    # As yt-dlp lists them: the best last.
    sounds.reverse()
    return sounds


def _has_picture(fmt: Format) -> bool:
    return fmt.get("vcodec") != "none"


def _plays(fmt: Format, *, is_audio: bool) -> bool:
    """Return whether Telegram's apps play a format, as far as the site says what it is."""
    asked = [("acodec", PLAYABLE_AUDIO)] if is_audio else [("vcodec", PLAYABLE_VIDEO), ("acodec", PLAYABLE_AUDIO)]
    known = [(str(fmt.get(key) or ""), playable) for key, playable in asked if fmt.get(key) != "none"]
    if not any(codec for codec, _ in known):
        return fmt.get("ext") not in _NEVER_PLAYED
    return all(codec_name(codec) in playable for codec, playable in known if codec)


def _smaller_and_smaller(ranked: Iterable[Offer]) -> Iterator[Offer]:
    kept: list[Offer] = []
    for one in ranked:
        if not any(_beats(better, one) for better in kept):
            kept.append(one)
            yield one


def _beats(better: Offer, other: Offer) -> bool:
    """Return whether `other`, which is no better, is also no easier to fit into a limit or into memory."""
    if better.merges and not other.merges:
        return False
    return not better.estimated_bytes or 0 < better.estimated_bytes <= other.estimated_bytes
