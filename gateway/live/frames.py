"""WebSocket text frames, built once and written to every transport as they are."""

import msgspec

PING_FRAME = b"\x89\x00"
"""A ping without a payload (RFC 6455, section 5.5.2)."""

_encode = msgspec.json.Encoder().encode


def text_frame(message: object) -> bytes:
    """Return `message` as the bytes of one unmasked, uncompressed text frame (RFC 6455, section 5.2)."""
    payload = _encode(message)
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
