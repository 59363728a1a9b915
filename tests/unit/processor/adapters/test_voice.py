"""What the parent hears, over a real socket."""

import socket
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from services.processor.adapters import voice
from services.processor.adapters.voice import Voice


@pytest.fixture
def ends() -> Iterator[tuple[Voice, BinaryIO]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with ours, theirs, ours.makefile("rb") as heard:
        yield Voice(theirs), heard


def test_the_newest_progress_is_told_though_nothing_follows(ends: tuple[Voice, BinaryIO]) -> None:
    """A site that falls silent right after a burst does not keep the burst untold."""
    said, heard = ends
    for line in (b"1\n", b"2\n", b"3\n"):
        said.say_progress(line)

    assert heard.readline() == b"1\n"
    while (line := heard.readline()) != b"3\n":
        assert line == b"2\n"

    said.say_progress(b"4\n")
    said.say_progress(b"5\n")
    while (line := heard.readline()) != b"5\n":
        assert line == b"4\n"


def test_progress_is_told_no_oftener_than_its_interval(
    ends: tuple[Voice, BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no later line overtakes it: a download that is done was whole before."""
    monkeypatch.setattr(voice, "INTERVAL_S", 1_000)
    said, heard = ends
    for count in range(10):
        said.say_progress(b"%d\n" % count)
    said.say(b"done\n")

    assert [heard.readline() for _ in range(3)] == [b"0\n", b"9\n", b"done\n"]
