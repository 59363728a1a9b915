"""What a file is by its first bytes, whatever its name says."""

_MATROSKA = b"\x1a\x45\xdf\xa3"
_TS_PACKET_BYTES = 188
SNIFFED_BYTES = _TS_PACKET_BYTES + 1
"""Bytes that `sniff` wants to see."""

FORMAT_WHITELIST = "mov,matroska,mpegts,flv,avi,aac,mp3,ogg,wav,flac"
"""The demuxers that ffmpeg may use on downloaded bytes. Those that open
further files (hls, dash, concat) are not in it."""


def sniff(head: bytes) -> str:
    """Return the kind of media: mp4, matroska, mpegts, flv, avi, mp3, aac, ogg, flac or wav; empty when it is none.

    Args:
        head: The first `SNIFFED_BYTES` bytes.
    """
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"styp", b"moof", b"free", b"wide", b"skip"}:
        return "mp4"
    if head[:1] == b"\x47" and head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1] in {b"\x47", b""}:
        return "mpegts"
    if head[:4] == b"RIFF":
        return {b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "")
    for magic, kind in (
        (_MATROSKA, "matroska"),
        (b"FLV\x01", "flv"),
        (b"OggS", "ogg"),
        (b"fLaC", "flac"),
        (b"ID3", "mp3"),
    ):
        if head.startswith(magic):
            return kind
    return _sniff_frame(head)


def _sniff_frame(head: bytes) -> str:
    """Tell raw AAC (ADTS, layer 0) and MPEG audio frames by their sync word."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return ""
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    return "mp3" if head[1] & 0x06 else ""
