"""Bodies to try things with, of which a test sends each, and what some answers look like."""

from collections.abc import Mapping
from typing import Any

Example = Mapping[str, Any]
"""`summary` and `value`."""


def _step(clock: str, kind: str, attempt: int) -> dict[str, Any]:
    return {
        "at": f"2026-06-01T{clock}.000Z",
        "kind": kind,
        "attempt": attempt,
        "maxAttempts": 3,
        "worker": None,
        "error": None,
        "nextAttemptAt": None,
    }


_STALLED = {"code": "STALLED", "message": "No bytes arrived for 30 s.", "retryable": True, "metadata": {"stallS": 30}}

EXAMPLES: Mapping[str, Mapping[str, Example]] = {
    "JobRequest": {
        "page": {"summary": "The video of a page", "value": {"url": "https://example.org/a-walk-in-the-park"}},
        "options": {
            "summary": "Its sound only, to a topic of a group, before other jobs",
            "value": {
                "url": "https://example.org/a-talk",
                "kind": "audio",
                "destination": -1001234567890,
                "threadId": 7,
                "caption": "For the way home",
                "priority": 5,
            },
        },
        "live": {
            "summary": "A live stream, an hour at most",
            "value": {"url": "https://example.org/live", "allowLive": True, "maxDurationS": 3600},
        },
        "older": {
            "summary": "As older clients spell it",
            "value": {"videoData": {"pageUrl": "https://example.org/a-film"}, "userInfo": {"id": "7"}},
        },
    },
    "RetryRequest": {
        "again": {"summary": "The same once more", "value": {}},
        "unknown": {
            "summary": "After DELIVERY_UNKNOWN: a second message is possible",
            "value": {"allowDuplicateDelivery": True},
        },
    },
    "TokenRequest": {
        "key": {"summary": "With an API key", "value": {"apiKey": "the-api-key-that-you-were-given"}},
        "code": {"summary": "With a pairing code, once", "value": {"pairingCode": "abcde-fghij"}},
    },
    "RefreshRequest": {
        "refresh": {"summary": "With the newest refresh token", "value": {"refreshToken": "refreshToken-of-before"}},
    },
    "InviteRequest": {
        "self": {"summary": "A code for yourself", "value": {}},
        "user": {"summary": "A code for another user", "value": {"user": "ann"}},
    },
    "KeyRequest": {
        "self": {"summary": "A key for yourself that only looks", "value": {"label": "panel", "scopes": ["jobs:read"]}},
        "script": {
            "summary": "A key for a user's script, good for 30 days",
            "value": {"user": "ann", "label": "nightly", "scopes": ["jobs:write"], "expiresInS": 2_592_000},
        },
    },
    "UserRequest": {
        "user": {
            "summary": "A user who may send to the operator's chat and to a channel",
            "value": {"user": "bea", "role": "user", "chats": ["default", "@family_videos"]},
        },
    },
    "UserChange": {
        "chats": {"summary": "Any chat from now on", "value": {"chats": ["*"]}},
        "out": {"summary": "No way in, at once", "value": {"enabled": False}},
    },
}
"""By the name of the body's type, then by a word of its own."""

ANSWERS: Mapping[str, Mapping[str, Example]] = {
    "ProbeView": {
        "video": {
            "summary": "A page with one video",
            "value": {
                "title": "Drifting colours",
                "extractor": "html5",
                "duration": 8.0,
                "thumbnailUrl": "https://example.org/poster.jpg",
                "thumbnail": "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ==",
                "isLive": False,
                "entries": [],
                "plan": {
                    "formatId": "0",
                    "estimatedSize": 2_537_357,
                    "fit": "as_is",
                    "limit": 50_000_000,
                    "width": 640,
                    "height": 360,
                    "merges": False,
                },
            },
        },
    },
    "HistoryView": {
        "retried": {
            "summary": "The first attempt failed, the second runs",
            "value": {
                "jobId": "01a22724-d398-732c-bcd4-494e909f500a",
                "complete": True,
                "steps": [
                    _step("12:00:00", "accepted", 0),
                    _step("12:00:01", "started", 1),
                    _step("12:00:31", "retrying", 1) | {"error": _STALLED, "nextAttemptAt": "2026-06-01T12:00:46.000Z"},
                    _step("12:00:46", "started", 2),
                ],
            },
        },
    },
}
"""By the name of the answer's type, then by a word of its own."""
