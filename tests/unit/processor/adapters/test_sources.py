"""Sites that serve their video in an odd way, and get it delivered nevertheless. All with real yt-dlp and ffmpeg."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from Cryptodome.Cipher import AES

from services.chassis.errors import Reason
from services.processor.adapters.egress import open_egress
from services.processor.adapters.limits import DownloadLimits
from services.processor.adapters.nursery import Nursery
from services.processor.adapters.ytdlp import YtdlpDownloader
from services.processor.core.run import FetchRequest
from tests.fakes.downloads import failure, fetch, kept_files, opened_path
from tests.fakes.odd_site import Asked, OddSite, hls, page, ranged, slow
from tests.fakes.site_media import decoded_seconds, ffmpeg

LIMITS = DownloadLimits(stall_s=20, socket_timeout_s=5)


@pytest.fixture
async def downloader(odd: OddSite, shared_nursery: Nursery) -> AsyncIterator[YtdlpDownloader]:
    async with open_egress(frozenset({odd.address})) as egress:
        yield YtdlpDownloader(shared_nursery, egress, LIMITS)


@pytest.fixture
def clip(media_dir: Path) -> bytes:
    return (media_dir / "clip.mp4").read_bytes()


@pytest.fixture
def segments(media_dir: Path) -> list[bytes]:
    """The clip in four pieces of MPEG-TS."""
    return [path.read_bytes() for path in sorted((media_dir / "hls").glob("*.ts"))]


def serve_segments(odd: OddSite, segments: list[bytes], *extra: str) -> None:
    """Serve an HLS stream of these pieces at ``/index.m3u8``."""
    lines = list(extra)
    for number, segment in enumerate(segments):
        odd.answers[f"/{number}.ts"] = page(segment, kind="video/mp2t")
        lines += [f"#EXTINF:{4 / len(segments):.4f},", f"{number}.ts"]
    odd.answers["/index.m3u8"] = hls(*lines)


async def arrives(downloader: YtdlpDownloader, url: str, expected: bytes = b"") -> None:
    """Assert that the clip arrives whole: byte by byte where `expected`, else as 4 s that decode without an error."""
    _, _, file = await fetch(downloader, FetchRequest(url=url))
    try:
        if expected:
            assert Path(opened_path(file)).read_bytes() == expected
        assert decoded_seconds(opened_path(file)) == pytest.approx(4, abs=0.1)
    finally:
        os.close(file.fd)


async def test_pages_in_every_dress(downloader: YtdlpDownloader, odd: OddSite, clip: bytes) -> None:
    """Compressed, with relative addresses, behind a meta refresh, named only by a header, mislabelled."""
    html = '<html><head><title>A page</title></head><body><video src="{}"></video></body></html>'
    odd.answers |= {
        "/deep/clip.mp4": page(clip, kind="video/mp4"),
        "/deep/down/relative": page(html.format("../clip.mp4")),
        "/rooted": page(html.format("/deep/clip.mp4")),
        "/schemeless": page(html.format(f"//127.0.0.1:{odd.port}/deep/clip.mp4")),
        "/gzipped": page(gzip.compress(html.format("/deep/clip.mp4").encode()), "Content-Encoding: gzip"),
        "/source": page(f"<title>x</title><video><source src='/deep/clip.mp4' type='video/mp4'></video>{'<p>' * 500}"),
        "/refresh": page('<meta http-equiv="refresh" content="0; url=/rooted">'),
        "/download": page(clip, 'Content-Disposition: attachment; filename="c.mp4"', kind="application/octet-stream"),
        "/text": page(clip, kind="text/plain"),
        "/html.mp4": page(clip, kind="text/html"),
        "/" + quote("ein schöner Film ✓.mp4"): page(clip, kind="video/mp4"),
    }
    for path in odd.answers:
        await arrives(downloader, odd.url(path), clip)
    await arrives(downloader, odd.url("/ein schöner Film ✓.mp4"), clip)
    await arrives(downloader, odd.url("/deep/clip.mp4").replace("http", "HTTP"), clip)


async def test_a_cookie_that_the_page_sets_goes_with_the_video(
    downloader: YtdlpDownloader, odd: OddSite, clip: bytes
) -> None:
    async def media(asked: Asked, writer: asyncio.StreamWriter) -> None:
        is_known = asked.fields.get("cookie") == "session=abc"
        writer.write(page(clip, kind="video/mp4") if is_known else page(b"", status="403 Forbidden"))

    html = '<title>A page</title><video src="/clip.mp4"></video>'
    odd.answers |= {"/page": page(html, "Set-Cookie: session=abc; Path=/"), "/clip.mp4": media}
    await arrives(downloader, odd.url("/page"), clip)


async def test_the_referer_and_agent_of_the_request_go_with_it(
    downloader: YtdlpDownloader, odd: OddSite, clip: bytes
) -> None:
    odd.answers["/clip.mp4"] = page(clip, kind="video/mp4")
    request = FetchRequest(url=odd.url("/clip.mp4"), referer="https://a.example/", user_agent="Mine/1.0")
    _, _, file = await fetch(downloader, request)
    os.close(file.fd)
    told = {(asked.fields.get("referer"), asked.fields.get("user-agent")) for asked in odd.asked}
    assert told == {("https://a.example/", "Mine/1.0")}


async def test_a_name_in_another_script(odd: OddSite, shared_nursery: Nursery, clip: bytes) -> None:
    """It is asked for in its ASCII form."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    odd.answers["/clip.mp4"] = page(clip, kind="video/mp4")
    async with open_egress(frozenset({("xn--bcher-kva.example", odd.port)}), resolve) as egress:
        downloader = YtdlpDownloader(shared_nursery, egress, LIMITS)
        await arrives(downloader, f"http://bücher.example:{odd.port}/clip.mp4", clip)
    assert set(asked) == {"xn--bcher-kva.example"}


async def test_of_several_videos_of_a_page_the_first_that_is_there(
    downloader: YtdlpDownloader, odd: OddSite, clip: bytes
) -> None:
    """Whether by og:video or by players: what is gone, or is no media, is passed over."""
    odd.answers |= {
        "/clip.mp4": ranged(clip),
        "/text.mp4": page("<html>a page that calls itself a video</html>", kind="video/mp4"),
        "/og": page("".join(f'<meta property="og:video" content="{odd.url(at)}">' for at in ("/x.mp4", "/clip.mp4"))),
        "/players": page("".join(f'<video src="{at}"></video>' for at in ("/x.mp4", "/text.mp4", "/clip.mp4"))),
    }
    for path in ("/og", "/players"):
        await arrives(downloader, odd.url(path), clip)

    gone = page('<video src="/x.mp4"></video><video src="/y.mp4"></video>')
    odd.answers["/none"] = gone
    assert (await failure(downloader, FetchRequest(url=odd.url("/none")))).reason is Reason.GONE


async def test_hls_in_its_odder_shapes(
    downloader: YtdlpDownloader, odd: OddSite, segments: list[bytes], tmp_path: Path
) -> None:
    """Encrypted, by ranges of one file, with a discontinuity, and a thousand pieces."""
    key = bytes(range(16))
    odd.answers |= {"/key": page(key), "/all.ts": ranged(b"".join(segments), "video/mp2t")}

    encrypted = [_encrypted(segment, key, number) for number, segment in enumerate(segments)]
    serve_segments(odd, encrypted, '#EXT-X-KEY:METHOD=AES-128,URI="/key"')
    await arrives(downloader, odd.url("/index.m3u8"))

    lines, at = [], 0
    for segment in segments:
        lines += ["#EXTINF:1.0,", f"#EXT-X-BYTERANGE:{len(segment)}@{at}", "all.ts", "#EXT-X-DISCONTINUITY"]
        at += len(segment)
    odd.answers["/ranges.m3u8"] = hls(*lines[:-1])
    await arrives(downloader, odd.url("/ranges.m3u8"))

    whole = b"".join(segments)
    step = 188 * (len(whole) // 188 // 1000)
    serve_segments(odd, [whole[at : at + step] for at in range(0, len(whole), step)])
    await arrives(downloader, odd.url("/index.m3u8"))
    assert len(odd.asked) > 1000


def _encrypted(data: bytes, key: bytes, number: int) -> bytes:
    missing = 16 - len(data) % 16
    return AES.new(key, AES.MODE_CBC, iv=number.to_bytes(16, "big")).encrypt(data + bytes([missing]) * missing)


async def test_sound_that_is_mp3_in_mpeg_ts(
    downloader: YtdlpDownloader, odd: OddSite, media_dir: Path, tmpfs_dir: Path
) -> None:
    """It becomes an mp4 without a filter that only AAC can pass."""
    made = tmpfs_dir / "mp3.ts"
    ffmpeg("-i", media_dir / "clip.mp4", "-c:v", "copy", "-c:a", "libmp3lame", made)
    serve_segments(odd, [made.read_bytes()])
    await arrives(downloader, odd.url("/index.m3u8"))


async def test_pieces_are_fetched_side_by_side(
    downloader: YtdlpDownloader, odd: OddSite, segments: list[bytes]
) -> None:
    """A site that throttles each connection is asked on several."""
    serve_segments(odd, segments)
    for number, segment in enumerate(segments):
        odd.answers[f"/{number}.ts"] = slow(segment, bytes_per_s=250_000)
    await arrives(downloader, odd.url("/index.m3u8"))
    assert odd.most_open_count >= 3


@pytest.mark.parametrize("answers_ranges", [True, False])
async def test_a_body_that_breaks_off_once_is_completed(
    downloader: YtdlpDownloader, odd: OddSite, clip: bytes, answers_ranges: bool
) -> None:
    """With a range where the site takes ranges, else from the start. Never with a gap, never twice."""
    whole = ranged(clip)
    breaks = 0

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal breaks
        if breaks < 2:
            breaks += 1
            writer.write(page(clip, kind="video/mp4")[: 100_000 if breaks > 1 else 2_000])
        elif answers_ranges:
            await whole(asked, writer)
        else:
            writer.write(page(clip, kind="video/mp4"))

    odd.answers["/clip.mp4"] = answer
    await arrives(downloader, odd.url("/clip.mp4"), clip)


async def test_a_body_that_always_breaks_off_is_incomplete(
    downloader: YtdlpDownloader, odd: OddSite, clip: bytes, shared_nursery: Nursery
) -> None:
    odd.answers["/clip.mp4"] = page(clip, kind="video/mp4")[:150_000]
    error = await failure(downloader, FetchRequest(url=odd.url("/clip.mp4")))
    assert error.reason is Reason.INCOMPLETE
    assert not kept_files(shared_nursery)


@pytest.mark.parametrize("way", ["404", "cut", "empty", "html"])
async def test_a_missing_piece_is_never_a_hole(
    downloader: YtdlpDownloader, odd: OddSite, segments: list[bytes], way: str
) -> None:
    """Whether it is refused, breaks off, is empty or is a page instead: the job fails, and can be tried again."""
    serve_segments(odd, segments)
    odd.answers["/2.ts"] = {
        "404": page(b"", status="404 Not Found"),
        "cut": page(segments[2], kind="video/mp2t")[:-5_000],
        "empty": page(b"", kind="video/mp2t"),
        "html": page("<html>Please come back later</html>"),
    }[way]
    error = await failure(downloader, FetchRequest(url=odd.url("/index.m3u8")))
    assert error.reason is Reason.INCOMPLETE, error
    assert error.reason.retryable


async def test_of_a_list_with_a_private_video_the_others_arrive(
    downloader: YtdlpDownloader, odd: OddSite, clip: bytes, shared_nursery: Nursery
) -> None:
    """Item by item; between them nothing is held."""
    items = "".join(f'<item><title>{n}</title><enclosure url="{odd.url(f"/{n}.mp4")}"/></item>' for n in "123")
    rss = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title>{items}</channel></rss>'
    odd.answers |= {
        "/feed": page(rss, kind="application/rss+xml"),
        "/1.mp4": ranged(clip),
        "/2.mp4": page("PRIVATE", status="403 Forbidden"),
        "/3.mp4": ranged(clip),
    }
    ended: list[Reason | None] = []
    for item in (1, 2, 3):
        request = FetchRequest(url=odd.url("/feed"), playlist_item=item)
        if item == 2:
            ended.append((await failure(downloader, request)).reason)
        else:
            _, _, file = await fetch(downloader, request)
            ended.append(None)
            os.close(file.fd)
        assert not kept_files(shared_nursery)
    assert ended == [None, Reason.AUTH_REQUIRED, None]
