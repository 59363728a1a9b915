"""How a video is re-encoded: bitrates and picture size that its duration leaves within a limit."""

from dataclasses import dataclass

_SHARE = 0.96
"""Of the limit that is planned for; the rest is for the index and for bursts."""
_BUFFER_S = 1
"""How far the encoder may be ahead of its bitrate, in seconds of it: a short clip can use that up twice as fast."""
_SOUND_BPS = 128_000
_LEAN_SOUND_BPS = 48_000
_LEAN_BELOW_BPS = 500_000
"""Of picture and sound together: below it the sound is lean, and on one channel."""
_VIDEO_MOST_BPS = 4_000_000
_VIDEO_LEAST_BPS = 100_000
"""Below it nothing can be recognized, also in the smallest picture."""
_SOUND_LEAST_BPS = 24_000
_MOST_PIXELS = 1280 * 720
_BITS_PER_PIXEL = 1.75
"""Per second: what keeps moving pictures clean at 25 to 30 frames, by H.264 `veryfast`."""
_UNKNOWN_DURATION_BPS = 2_500_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to re-encode. Bitrates are upper bounds: what looks the same with less gets less."""

    video_bps: int
    """0: sound only."""
    audio_bps: int
    is_mono: bool
    most_pixels: int
    """Larger pictures are scaled down to it."""
    limit_bytes: int
    """Most bytes of the result."""
    duration_s: float
    """Of the media, by which progress is measured; 0 when unknown."""

    @property
    def is_audio(self) -> bool:
        """Whether there is no picture."""
        return not self.video_bps

    @property
    def buffer_bits(self) -> int:
        """Bits by which the picture may be ahead of its bitrate."""
        return self.video_bps * _BUFFER_S

    @property
    def expected_bytes(self) -> int:
        """Most bytes that are expected of the result; 0 when the duration is unknown."""
        return min(self.limit_bytes, round((self.video_bps + self.audio_bps) * self.duration_s / 8 / _SHARE))


def make_recipe(duration_s: float | None, limit_bytes: int, *, is_audio: bool) -> Recipe | None:
    """Return how media of that duration is made to fit `limit_bytes`; None when nothing worth seeing would be left.

    Args:
        duration_s: None when unknown: then there is no promise that the result fits.
        limit_bytes: Most bytes of the result.
        is_audio: Whether only the sound is wanted.
    """
    if not duration_s or duration_s <= 0:
        return _recipe(_UNKNOWN_DURATION_BPS, 0.0, limit_bytes, is_audio=is_audio)
    return _recipe(_SHARE * limit_bytes * 8 / (duration_s + _BUFFER_S), duration_s, limit_bytes, is_audio=is_audio)


def _recipe(room_bps: float, duration_s: float, limit_bytes: int, *, is_audio: bool) -> Recipe | None:
    if is_audio:
        audio_bps = min(_SOUND_BPS, int(room_bps))
        video_bps = 0
        is_possible = audio_bps >= _SOUND_LEAST_BPS
    else:
        audio_bps = _SOUND_BPS if room_bps >= _LEAN_BELOW_BPS else _LEAN_SOUND_BPS
        video_bps = min(_VIDEO_MOST_BPS, int(room_bps) - audio_bps)
        is_possible = video_bps >= _VIDEO_LEAST_BPS
    if not is_possible:
        return None
    return Recipe(
        video_bps=video_bps,
        audio_bps=audio_bps,
        is_mono=audio_bps <= _LEAN_SOUND_BPS,
        most_pixels=min(_MOST_PIXELS, int(video_bps / _BITS_PER_PIXEL)),
        limit_bytes=limit_bytes,
        duration_s=duration_s,
    )
