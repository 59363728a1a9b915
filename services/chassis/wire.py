"""Times and spans between Python and protobuf: milliseconds and seconds on our side."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(time_ms: int) -> Timestamp:
    """Return milliseconds since 1970 as a Timestamp."""
    return Timestamp(seconds=time_ms // 1000, nanos=time_ms % 1000 * 1_000_000)


def time_ms(stamp: Timestamp) -> int:
    """Return a Timestamp as milliseconds since 1970."""
    return int(stamp.seconds * 1000 + stamp.nanos // 1_000_000)


def duration(span_s: float) -> Duration:
    """Return seconds as a Duration."""
    whole = int(span_s)
    return Duration(seconds=whole, nanos=round((span_s - whole) * 1_000_000_000))


def span_s(span: Duration) -> float:
    """Return a Duration as seconds."""
    return float(span.seconds + span.nanos / 1_000_000_000)
