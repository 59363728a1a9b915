"""What yt-dlp's extractors say in words, and what it means. Held by a test against their own texts."""

import re

from services.chassis.errors import Reason

_IGNORED = re.compile(r"https?://\S+|; please report this issue on.*", re.IGNORECASE | re.DOTALL)
"""Addresses hold any word, and so does what yt-dlp asks its users to do about a bug."""

_MEANINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"geo[- ]?(restrict|block)", Reason.GEO_BLOCKED),
        (
            r"(not (made )?(this video )?available|unavailable|blocked|restricted|not accessible) (in|from|to) "
            r"(your |this |the )?(current )?(country|location|region|area|[A-Z]{2}\b)|outside (of )?(your|the|its) ",
            Reason.GEO_BLOCKED,
        ),
        (r"your (country|region)\b", Reason.GEO_BLOCKED),
        (r"\bDRM\b", Reason.DRM),
        (r"Errno 27\b|File too large", Reason.VIDEO_TOO_LARGE),
        (r"Errno 28\b|No space left", Reason.MEMORY_BUDGET),
        (r"rate[- ]?limit|too many requests|HTTP Error 429|isn.t available, try again later", Reason.RATE_LIMITED),
        (
            r"\bprivate (video|account|profile|post|playlist|show|subreddit|group|channel)|"
            r"(video|VOD|account|post|profile|playlist|channel|content|clip|track|album) is (set to )?private",
            Reason.PRIVATE,
        ),
        (
            r"sign[- ]?in|log[- ]?in\b|logged[- ]in|registered users|cookies|members\b|subscri|premium|VIP\b|"
            r"confirm your age|age[- ](restrict|verif)|adult verification|account is (required|needed)|authenticat|"
            r"authori[sz]ed|password|purchase|payment|\bpaid\b|paywall|have access|forbidden",
            Reason.AUTH_REQUIRED,
        ),
        (
            r"live event will begin|premieres in|not (yet )?started|upcoming|(is scheduled|will start|begins|starts) "
            r"(for|at|on|in)\b|will be available (after|on|at)|is not available yet",
            Reason.LIVE,
        ),
        (r"no longer supported|is not (currently )?supported|piracy", Reason.SITE_UNSUPPORTED),
        (
            r"no (video|media|formats|supported|active streams|embed)|(unable to|could not) find (any |suitable )?"
            r"(video|formats)|not available, format|format is not available|is not a video|"
            r"not (currently )?live\b|is offline|"
            r"(does not|doesn.t) (contain|have) (a |any )?video|unusual and will be skipped",
            Reason.NO_VIDEO,
        ),
        (
            r"unavailable|no longer available|removed|deleted|does not exist|doesn.t exist|not found|terminated|"
            r"expired|has ended|taken down",
            Reason.GONE,
        ),
        (r"timed out|timeout|connection reset|unable to download", Reason.SITE_UNREACHABLE),
    )
)


def meaning(text: str) -> Reason | None:
    """Return what a text of yt-dlp means; None when it cannot be told."""
    words = _IGNORED.sub(" ", text)
    return next((reason for pattern, reason in _MEANINGS if pattern.search(words)), None)
