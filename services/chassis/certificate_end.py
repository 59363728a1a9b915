"""Until when a certificate is good. Read from its DER (RFC 5280): the standard library shows it of peers only."""

import base64
import re
from collections.abc import Iterator
from datetime import datetime

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_EXPLICIT_VERSION = 0xA0
_VALIDITY = 3
"""Its place in a certificate, after serial number, algorithm and issuer."""
_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""UTCTime, and GeneralizedTime from the year 2050 on."""


def expires_at_s(pem: bytes) -> float:
    """Return when the first certificate of a PEM file ends, as a Unix time in seconds.

    Raises:
        ValueError: If there is none, or it is not as RFC 5280 has it.
    """
    found = _FIRST.search(pem)
    if found is None:
        raise ValueError("it holds no certificate")
    try:
        (_, certificate), *_ = _values(base64.b64decode(found[1]))
        (_, signed), *_ = _values(certificate)
        fields = [each for each in _values(signed) if each[0] != _EXPLICIT_VERSION]
        _, (kind, end) = _values(fields[_VALIDITY][1])
        ends_at = datetime.strptime(f"{end.decode('ascii')}+0000", f"{_FORMATS[kind]}%z")
    except (IndexError, KeyError, ValueError) as error:
        raise ValueError("its certificate says no end") from error
    return ends_at.timestamp()


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each value."""
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:  # then it says in how many bytes the size follows
            more = size & 0x7F
            size = int.from_bytes(der[at : at + more])
            at += more
        yield tag, der[at : at + size]
        at += size
