"""What a live connection may do, and how long the gateway is patient with it."""

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 64 * 1024
"""Of a client's message."""


@dataclass(frozen=True, slots=True)
class WriteTerms:
    """How a client is written to that reads more slowly than it is told things."""

    tick_s: float = 0.005
    """At most this long after it was written to, a client that keeps up hears of what it was told since, all together.
    With fewer than a hundred clients it is less."""
    deadline_s: float = 5.0
    """In each such time a client must take all that waits in its socket, or at least the difference of the two marks
    below. It is a floor for the pace: a byte now and then is not enough."""
    farewell_s: float = 2.0
    """Between the close frame and the end of the socket, whatever the client does."""
    outbox_count: int = 4_096
    """Messages that must arrive and wait; one more and the client is dropped."""
    outbox_bytes: int = 4 * 1024 * 1024
    """Their bytes; more and the client is dropped."""
    kernel_buffer_bytes: int = 8 * 1024
    """What the kernel may hold (it doubles it). Its own choice would hide 3 MB, which is seconds of old news."""
    high_water_bytes: int = 4 * 1024
    """From here on in our own buffer the client counts as not reading."""
    low_water_bytes: int = 1024
    """Down to here and it reads again."""


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """How many connections there may be, and what each of them may do."""

    connection_count: int
    """Sockets of everybody."""
    connections_per_address: int
    waiting_per_address: int
    """Sockets of one address that have not said hello yet."""
    connections_per_user: int
    """The oldest is closed for one more."""
    subscription_count: int
    """Channels of one connection."""
    commands_per_minute: int
    hello_timeout_s: float
    ping_interval_ms: int
    ping_timeout_s: float
    """After a ping, until something must have come from the client."""
