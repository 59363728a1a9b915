"""What yt-dlp says in its own words, and what it means. The texts are its extractors' own, word by word."""

import pytest
from yt_dlp.extractor.common import InfoExtractor  # type: ignore[import-untyped]  # ships no types
from yt_dlp.utils import (  # type: ignore[import-untyped]  # ships no types
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
)

from services.chassis.errors import ClipferryError, Reason
from services.processor import wire
from services.processor.adapters.failures import Progressed, classify
from tests.fakes.processor_tools import a_run

PROBING = Progressed(is_downloading=False, is_fragmented=False, done_bytes=0, limit_bytes=0)
COOKIES = ". Use --cookies-from-browser or --cookies for the authentication"

TEXTS = {
    Reason.AUTH_REQUIRED: (
        "Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser or --cookies for the authentication",
        "Sign in to confirm your age. This video may be inappropriate for some users.",
        "Join this channel to get access to members-only content like this video, and other exclusive perks.",
        "This video is only available for registered users" + COOKIES,
        "This video is only available for registered users with the appropriate subscription",
        "This video requires login",
        "You are not authorized to view this protected tweet",
        "This livestream is for subscribers only",
        "This video requires a subscription",
        "Adult verification is required for this stream",
        "This post requires a subscription",
        "An account is needed to access this media",
        "This video is for premium members only",
        "You need to purchase the course to download this episode",
        "Login required to download: x",
        "You do not have access to this class",
        "This video is only available for members",
        "This video is only available for age verified users or after 22:00",
        "Account authentication is required",
        "NSFW tweet requires authentication",
        "Password protected video, use --video-password <password>",
        "This video is protected by a password, use the --video-password option",
        "Your account does not have access to this content",
        "You do not have access to this post",
        "This video is paid, subscribe to download it",
        "The song is only for VIP accounts.",
        "Access to stream infos forbidden",
        "Fresh cookies (not necessarily logged in) are needed",
        "Video requires payment and log-in, but log-in is not implemented",
        "Unable to log in: x said: wrong username or password",
        "Invalid username and/or password",
        "This account is not subscribed to this content",
        "Failed to get KSession, possibly a premium video",
    ),
    Reason.PRIVATE: (
        "Private video. Sign in if you've been granted access to this video",
        "This video is private",
        "This VOD is private",
        "This video is private and requires a password",
        "Private subreddit; an account that has been approved is required" + COOKIES,
        "This is a private playlist. You need to login as its owner",
        "Model is in private show.",
        "Room is currently in a private show",
    ),
    Reason.GEO_BLOCKED: (
        "This video is not available from your location due to geo restriction",
        "The uploader has not made this video available in your country",
        "Video unavailable. The uploader has not made this video available in your country",
        "This content is not available in your area due to copyright restrictions. Please choose other videos.",
        "Sorry, this content is not available in your country.",
        "Streaming is not available in your area",
        "Track unavailable in your country due to licensing restrictions",
        "This song is blocked in this region",
        "This title is not available in your location.",
        "Video is geo restricted.",
        "Video restricted to DE",
    ),
    Reason.DRM: (
        "This video is DRM protected",
        "The requested site is known to use DRM protection. It will NOT be supported.",
        "This video is DRM protected. Try selecting another format with --format or add --check-formats",
    ),
    Reason.RATE_LIMITED: (
        "You have exceeded the rate limit. Try again later",
        "You are rate-limited. Try again later.",
        "The current session has been rate-limited by YouTube for up to an hour.",
        "Video unavailable. This content isn't available, try again later.",
        "Too many requests",
        "HTTP Error 429: Too Many Requests",
    ),
    Reason.LIVE: (
        "This live event will begin in 5 hours.",
        "Premieres in 3 days",
        "This livestream has not yet started",
        "Livestream has not yet started",
        "This live event is scheduled for 2026-11-30",
        "Twitter Space not started yet",
        "This event will start at 2026-11-30",
        "Ride has not started",
    ),
    Reason.GONE: (
        "Video unavailable",
        "Video unavailable. This video has been removed by the uploader",
        "Video unavailable. This video is no longer available because the YouTube account associated with this video "
        "has been terminated.",
        "Video was deleted",
        "The VOD does not exist",
        "This video does not exist",
        "The content is no longer available",
        "Stream not found; it has most likely expired",
        "The link is expired",
        "This stream has expired",
        "Channel x does not exist",
        "Track not found",
        "This livestream has ended",
        "Livestream has ended.",
        "This content is currently unavailable",
    ),
    Reason.NO_VIDEO: (
        "No video could be found in this tweet",
        "There is no video in this post",
        "No video content found in webpage",
        "No media found",
        "No formats are available",
        "No video formats found!",
        "Could not find any video formats",
        "123 is not a video or animated image",
        "The channel is not currently live",
        "This stream is not live",
        "Streamer is not live",
        "User is offline",
        "Requested format is not available. Use --list-formats for a list of available formats",
    ),
    Reason.SITE_UNSUPPORTED: (
        "Unable to extract title; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , "
        "filling out the appropriate issue template. Confirm you are on the latest version using  yt-dlp -U",
        "Unable to extract video ID from webpage",
        "Failed to parse JSON (caused by JSONDecodeError('Expecting value'))",
        "This website is no longer supported since it has been determined to be primarily used for piracy.",
    ),
}


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in TEXTS.items() for text in texts])
def test_what_an_extractor_says_has_its_reason(reason: Reason, text: str) -> None:
    """Inside what yt-dlp wraps around it; and what is told is our own sentence."""
    error = classify(DownloadError(f"ERROR: [x] 1: {text}", (ExtractorError, ExtractorError(text), None)), PROBING)
    assert error.reason is reason
    assert text not in error.message
    assert len(error.message) > 20


def test_what_the_helpers_of_every_extractor_raise() -> None:
    """By type, whatever they say."""
    extractor = InfoExtractor()
    with pytest.raises(ExtractorError) as login:
        extractor.raise_login_required("Nothing of this text helps")
    assert classify(login.value, PROBING).reason is Reason.AUTH_REQUIRED
    for raised, reason in (
        (GeoRestrictedError("x"), Reason.GEO_BLOCKED),
        (UnsupportedError("http://x/"), Reason.NO_VIDEO),
        (UserNotLive(video_id="x"), Reason.NO_VIDEO),
        (MemoryError(), Reason.SITE_UNSUPPORTED),
        (RecursionError(), Reason.SITE_UNSUPPORTED),
    ):
        assert classify(raised, PROBING).reason is reason


@pytest.mark.parametrize(
    ("reason", "is_retried"),
    [
        (Reason.AUTH_REQUIRED, False),
        (Reason.PRIVATE, False),
        (Reason.GEO_BLOCKED, False),
        (Reason.DRM, False),
        (Reason.LIVE, False),
        (Reason.GONE, False),
        (Reason.NO_VIDEO, False),
        (Reason.SITE_UNSUPPORTED, False),
        (Reason.RATE_LIMITED, True),
        (Reason.SITE_UNREACHABLE, True),
        (Reason.INCOMPLETE, True),
    ],
)
def test_only_what_may_pass_is_tried_again(reason: Reason, is_retried: bool) -> None:
    """No storm of sign-ins, and none against a site that asks to slow down."""
    assert reason.retryable is is_retried


@pytest.mark.parametrize("reason", [Reason.AUTH_REQUIRED, Reason.PRIVATE, Reason.GEO_BLOCKED, Reason.RATE_LIMITED])
def test_a_person_is_told_what_to_do(reason: Reason) -> None:
    error = classify(ExtractorError(TEXTS[reason][0]), PROBING)
    assert any(word in error.message for word in ("sign", "ask", "later", "another")), error.message


def test_a_rate_limit_without_a_time_still_waits() -> None:
    """A second try at once would make it worse."""
    error = classify(ExtractorError("You are rate-limited. Try again later."), PROBING)
    assert error.retry_after_s is not None
    assert error.retry_after_s >= 60


@pytest.mark.parametrize(
    ("attempt", "reason", "is_retried"),
    [(1, Reason.RATE_LIMITED, True), (2, Reason.RATE_LIMITED, False), (2, Reason.INCOMPLETE, True)],
)
def test_a_site_that_asks_to_slow_down_gets_one_more_run(attempt: int, reason: Reason, is_retried: bool) -> None:
    """Whatever the number of attempts of other failures is."""
    told = wire.failure(a_run(attempt=attempt), ClipferryError(reason), not_sent=False)
    assert told.error.retryable is is_retried
