"""What a duration leaves of bitrate and picture within a limit."""

import pytest

from services.processor.core.recipe import make_recipe

LIMIT_BYTES = 50_000_000
HOUR_S = 3_600.0


@pytest.mark.parametrize("duration_s", [1.0, 60.0, 300.0, 900.0, 1_800.0, 2_500.0])
@pytest.mark.parametrize("is_audio", [True, False])
def test_what_is_promised_fits(duration_s: float, is_audio: bool) -> None:
    """The bitrates, over the whole duration, leave some room below the limit for the index."""
    recipe = make_recipe(duration_s, LIMIT_BYTES, is_audio=is_audio)

    assert recipe is not None
    assert (recipe.video_bps + recipe.audio_bps) * duration_s / 8 <= 0.97 * LIMIT_BYTES
    assert 0 < recipe.expected_bytes <= LIMIT_BYTES
    assert (recipe.video_bps == 0) is is_audio


def test_a_longer_video_gets_a_smaller_picture() -> None:
    """Never over 1280 x 720, and never too small to be seen."""
    recipes = [make_recipe(duration_s, LIMIT_BYTES, is_audio=False) for duration_s in (10, 300, 900, 2_400)]
    pixels = [recipe.most_pixels for recipe in recipes if recipe is not None]

    assert pixels == sorted(pixels, reverse=True)
    assert pixels[0] == 1280 * 720
    assert pixels[-1] > 200 * 112


@pytest.mark.parametrize(
    ("duration_s", "limit_bytes", "is_audio", "is_possible"),
    [
        (2_000.0, LIMIT_BYTES, False, True),
        (HOUR_S, LIMIT_BYTES, False, False),
        (HOUR_S, LIMIT_BYTES, True, True),
        (5 * HOUR_S, LIMIT_BYTES, True, False),
        (10.0, 100_000, False, False),
        (10.0, 250_000, False, True),
    ],
)
def test_below_a_floor_there_is_no_recipe(
    duration_s: float, limit_bytes: int, is_audio: bool, is_possible: bool
) -> None:
    """Nobody is sent mush: under 100 kbit/s of picture, or 24 of sound, the video is too large."""
    assert (make_recipe(duration_s, limit_bytes, is_audio=is_audio) is not None) is is_possible


@pytest.mark.parametrize("duration_s", [None, 0.0, -1.0])
def test_an_unknown_duration_promises_nothing(duration_s: float | None) -> None:
    recipe = make_recipe(duration_s, LIMIT_BYTES, is_audio=False)

    assert recipe is not None
    assert (recipe.duration_s, recipe.expected_bytes) == (0.0, 0)
