"""What is done once for all downloads is what yt-dlp would do for each."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from yt_dlp import YoutubeDL  # type: ignore[import-untyped]  # ships no types
from yt_dlp.downloader.common import FileDownloader  # type: ignore[import-untyped]  # ships no types
from yt_dlp.networking import common  # type: ignore[import-untyped]  # ships no types
from yt_dlp.networking.exceptions import CertificateVerifyError  # type: ignore[import-untyped]  # ships no types

from services.processor.adapters import silence, trust
from services.processor.adapters.extractors import open_with_extractors
from tests.fakes.certificates import write_certificate

QUIET = {"quiet": True, "cachedir": False}
PAGES = ("https://www.youtube.com/watch?v=BaW_jenozKc", "https://vimeo.com/56015672", "https://example.org/page", "x")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a child; not for the tests that follow."""
    with monkeypatch.context() as patch:
        patch.setattr(common, "make_ssl_context", common.make_ssl_context)
        patch.setattr(FileDownloader, "_report_progress_status", FileDownloader._report_progress_status)
        trust.install()
        silence.install()
        yield


def test_extractors_are_those_of_yt_dlp_in_its_order() -> None:
    """The first that takes an address is the one that is asked."""
    with YoutubeDL(QUIET) as its_own, open_with_extractors(QUIET) as ours, open_with_extractors(QUIET) as another:
        assert list(ours._ies) == list(another._ies) == list(its_own._ies)
        for page in PAGES:
            assert _taken_by(ours, page) == _taken_by(its_own, page)
        # What needs the object that it is of belongs to the one that asks.
        assert ours.get_info_extractor("Generic")._downloader is ours


def _taken_by(ydl: Any, page: str) -> str:
    return next(str(key) for key, extractor in ydl._ies.items() if extractor.suitable(page))


@pytest.mark.usefixtures("installed")
async def test_a_site_that_nobody_vouches_for_is_refused_every_time(tmp_path: Path) -> None:
    """Also after somebody has asked without wanting to know who it is; certificates are read once for each wish."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    _, context = write_certificate(tmp_path)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    def ask(**options: bool) -> bytes:
        with YoutubeDL({**QUIET, "proxy": "", **options}, auto_init=False) as ydl:
            trust.read_certificates(ydl)
            with ydl.urlopen(url) as response:
                body: bytes = response.read()
                return body

    async with server:
        for _ in range(2):
            with pytest.raises(CertificateVerifyError):
                await asyncio.to_thread(ask)
            assert await asyncio.to_thread(ask, nocheckcertificate=True) == b"hi"
    assert common.make_ssl_context.cache_info().misses == 2


@pytest.mark.usefixtures("installed")
def test_progress_is_told_to_hooks_and_made_into_no_lines() -> None:
    told: list[int] = []
    lines: list[str] = []

    class Log:
        """Keeps what would be printed."""

        debug = warning = error = lines.append

    with YoutubeDL({"logger": Log(), "cachedir": False}, auto_init=False) as ydl:
        downloader = FileDownloader(ydl, {"logger": Log(), "consoletitle": True})
        downloader.add_progress_hook(lambda status: told.append(status["downloaded_bytes"]))
        for done_bytes in (1, 2):
            status = {"status": "downloading", "downloaded_bytes": done_bytes, "total_bytes": 2, "filename": "v"}
            downloader._hook_progress(status, {"id": "v"})
    assert told == [1, 2]
    assert lines == []
