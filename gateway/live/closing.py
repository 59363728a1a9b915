"""The codes with which the gateway closes a connection: 40xx says come back, 44xx says do not come back unchanged."""

from collections.abc import Mapping
from typing import NamedTuple

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


class Meaning(NamedTuple):
    """What a close code tells a client."""

    why: str
    come_back: str
    """Whether it may."""


MEANINGS: Mapping[int, Meaning] = {
    NO_WEBSOCKET: Meaning("frames that break RFC 6455", "no"),
    NOT_TEXT: Meaning("text that is not UTF-8", "no"),
    TOO_BIG: Meaning("a message of more than 65,536 bytes, or in more than 1,024 frames", "no"),
    DRAINING: Meaning("the gateway stops (after `goaway`)", "yes"),
    SLOW_CLIENT: Meaning("the client did not read", "yes"),
    SILENT: Meaning("nothing came after a ping", "yes"),
    NOBODY_KNOWS: Meaning("the store cannot be asked whether the token is valid", "yes"),
    TOKEN_EXPIRED: Meaning("the token expired", "with a new token"),
    TOO_MANY: Meaning("too many commands, or too many wrong tokens or connections from this address", "more slowly"),
    MALFORMED: Meaning(
        "a frame that is no JSON object with a `type`, or a `hello` with a field that does not fit", "no"
    ),
    BAD_TOKEN: Meaning("the token is not valid, or of another session", "after signing in"),
    REVOKED: Meaning("the session was ended", "after signing in"),
    WRONG_PROTOCOL: Meaning("another subprotocol, or another `protocol` than 1", "no"),
    NO_HELLO: Meaning("no `hello` in time", "no"),
    REPLACED: Meaning("a newer connection of the user took its place", "no; poll"),
}

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
