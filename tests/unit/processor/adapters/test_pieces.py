"""What a piece of a stream looks like, and what only stands in its place."""

import pytest

from services.processor.adapters.pieces import is_text

TEXTS = (
    b"<html><body>Please wait</body></html>",
    b'{"error": "session expired"}',
    b"Forbidden",
    b"\n\n<?xml version='1.0'?>",
    b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n",
    "Zugriff verweigert \u2013 bitte anmelden".encode(),
    ("\u043f" * 400).encode(),
)
PIECES = (
    b"G@\x11\x10\x00B\xf0%\x00\x01" + bytes(178),
    b"\x00\x00\x00\x18stypmsdh\x00\x00\x00\x00msdhmsix",
    b"\x00\x00\x02\x10moof",
    b"\x1f\x43\xb6\x75\x01\xff\xff\xff",
    b"ID3\x04\x00\x00\x00\x00\x00\x3f",
    b"\xff\xf1\x50\x80",
    b"\x89PNG\r\n\x1a\n",
    b"",
)


@pytest.mark.parametrize("piece", TEXTS)
def test_a_text_is_told(piece: bytes) -> None:
    assert is_text(piece)


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_of_a_stream_is_none(piece: bytes) -> None:
    assert not is_text(piece)
