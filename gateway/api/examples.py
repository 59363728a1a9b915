"""Bodies to try things with; a test sends each."""

from collections.abc import Mapping
from typing import Any

Example = Mapping[str, Any]
"""`summary` and `value`."""

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
        "node": {
            "summary": "As the Node system spells it",
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
        "user": {"summary": "A code for a new user", "value": {"user": "ann", "role": "user"}},
    },
    "KeyRequest": {
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
