"""The codes with which the gateway closes a connection: 40xx says come back, 44xx says do not come back unchanged."""

from collections.abc import Mapping

from services.chassis.errors import Kind, Reason

NO_WEBSOCKET = 1002
NOT_TEXT = 1007
TOO_BIG = 1009

DRAINING = 4000
SLOW_CLIENT = 4001
SILENT = 4002
NOBODY_KNOWS = 4003
TOKEN_EXPIRED = 4010
TOO_MANY = 4029

MALFORMED = 4400
BAD_TOKEN = 4401
REVOKED = 4403
WRONG_PROTOCOL = 4406
NO_HELLO = 4408
REPLACED = 4409

_GOODBYES: Mapping[Kind, int] = {
    Kind.UNAVAILABLE: NOBODY_KNOWS,
    Kind.EXHAUSTED: TOO_MANY,
    Kind.INVALID: MALFORMED,
}


def goodbye(reason: Reason) -> int:
    """Return the code that closes on a hello which is refused for `reason`."""
    if reason is Reason.TOKEN_EXPIRED:
        return TOKEN_EXPIRED
    return _GOODBYES.get(reason.kind, BAD_TOKEN)
