"""The proxy as its clients see it: raw HTTP over real sockets."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from services.processor.adapters.egress import Egress, open_egress
from services.processor.adapters.passes import Pass
from tests.fakes.downloads import HANGS_UP_WITHIN_S
from tests.fakes.video_site import VideoSite


@pytest.fixture
async def egress(site: VideoSite) -> AsyncIterator[Egress]:
    async with open_egress(frozenset({site.address})) as opened:
        yield opened


def credentials(opened: Pass) -> str:
    parts = urlsplit(opened.proxy_url)
    encoded = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    return f"Proxy-Authorization: Basic {encoded}\r\n"


async def ask(egress: Egress, head: str) -> bytes:
    """Send one request and return all of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", egress.port)
    writer.write(head.encode() + b"\r\n")
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://017700000001/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.1./",
        "http://localhost./",
        "http://LOCALHOST/",
        "http://8.8.8.8@127.0.0.1/",
        "http://127.0.0.1#@8.8.8.8/",
        "http://127.0.0.1?@8.8.8.8/",
        "http://8.8.8.8:80@127.0.0.1:80/",
        "http://%31%32%37.0.0.1/",
        "http://[::127.0.0.1]/",
        "http://[0:0:0:0:0:ffff:7f00:1]/",
        "http://[fe80::1%25lo]/",
        "http://[fd00:ec2::254]/latest/",
        "http://100.100.100.200/latest/",
        "http://metadata.google.internal/",
        "http://192.168.0.1:8443/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:7f00:1::]/",
        "http://169.254.169.254/latest/",
        "http://10.0.0.1:8080/",
        "http://8.8.8.8:22/",
        "http://no-such-name/",
        "http://no-such-name.internal/",
        "http://no-such-name.home.arpa/",
        "http://xn--/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "https://8.8.8.8/",
    ],
)
async def test_a_refusal_is_always_the_same(egress: Egress, target: str) -> None:
    """Private in whatever spelling, a name of private networks, another scheme or port: one answer that tells nothing.

    Also whether a private network has a name is not told.
    """
    with egress.open_pass() as opened:
        answer = await ask(egress, f"GET {target} HTTP/1.1\r\nHost: x\r\n{credentials(opened)}")

    assert answer == b"HTTP/1.1 403 Egress refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert opened.refused_count == 1


@pytest.mark.parametrize("target", ["127.0.0.1:443", "[::1]:443", "169.254.169.254:443", "8.8.8.8:22"])
async def test_tunnels_are_checked_too(egress: Egress, target: str) -> None:
    with egress.open_pass() as opened:
        answer = await ask(egress, f"CONNECT {target} HTTP/1.1\r\n{credentials(opened)}")

    assert answer.startswith(b"HTTP/1.1 403 Egress refused\r\n")


@pytest.mark.parametrize(
    ("raised", "answer"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), b"HTTP/1.1 404 Name does not resolve\r\n"),
        (UnicodeError("label too long"), b"HTTP/1.1 404 Name does not resolve\r\n"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), b"HTTP/1.1 502 Site unreachable\r\n"),
    ],
)
async def test_a_name_without_an_address_is_no_refusal(raised: Exception, answer: bytes) -> None:
    """A typing error and a resolver that is away are told apart from what may not be reached."""

    async def resolve(_host: str, _port: int) -> list[str]:
        raise raised

    async with open_egress(resolve=resolve) as egress:
        with egress.open_pass() as opened:
            for target in ("GET http://typo.example/ HTTP/1.1", "CONNECT typo.example:443 HTTP/1.1"):
                assert (await ask(egress, f"{target}\r\n{credentials(opened)}")).startswith(answer)
            hidden = await ask(egress, f"GET http://db.corp/ HTTP/1.1\r\n{credentials(opened)}")
        assert hidden.startswith(b"HTTP/1.1 403 Egress refused\r\n")
        assert opened.refused_count == 1


async def test_a_public_name_with_a_private_address_is_refused() -> None:
    """Whether the name is the public DNS's or only ours: the answer is that for every private address."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", "10.0.0.7"]

    async with open_egress(resolve=resolve) as egress:
        with egress.open_pass() as opened:
            answer = await ask(egress, f"GET http://vpn.example.com/ HTTP/1.1\r\n{credentials(opened)}")
    assert answer.startswith(b"HTTP/1.1 403 Egress refused\r\n")


async def test_a_listed_target_is_reached(egress: Egress, site: VideoSite) -> None:
    """Plainly and through a tunnel; the bytes are counted; the proxy's own fields are not passed on."""
    url = site.url("/page/empty")
    with egress.open_pass() as opened:
        plain = await ask(egress, f"GET {url} HTTP/1.1\r\nHost: x\r\n{credentials(opened)}")
        assert opened.received_bytes == len(plain)
        host = f"127.0.0.1:{site.port}"
        request = "GET /page/empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        tunnelled = await ask(egress, f"CONNECT {host} HTTP/1.1\r\n{credentials(opened)}\r\n{request}")

    assert b"Nothing to see" in plain
    assert tunnelled.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK")
    assert b"Nothing to see" in tunnelled


async def test_only_with_a_pass(egress: Egress, site: VideoSite) -> None:
    """Other processes of the machine cannot use it, and a pass ends with its job."""
    request = f"GET {site.url('/page/empty')} HTTP/1.1\r\nHost: x\r\n"
    with egress.open_pass() as opened:
        shown = credentials(opened)
        assert (await ask(egress, request)).startswith(b"HTTP/1.1 407 ")
        assert (await ask(egress, f"{request}Proxy-Authorization: Basic eDp5\r\n")).startswith(b"HTTP/1.1 407 ")
        assert (await ask(egress, request + shown)).startswith(b"HTTP/1.1 200 ")

    assert (await ask(egress, request + shown)).startswith(b"HTTP/1.1 407 ")
    assert site.asked == ["/page/empty"]


async def test_a_reader_that_stops_stops_the_site(egress: Egress, site: VideoSite) -> None:
    """The proxy holds a few buffers, not the video; and when its pass ends, the site is hung up on at once."""
    with egress.open_pass() as opened:
        _reader, writer = await asyncio.open_connection("127.0.0.1", egress.port, limit=1024)
        writer.write(f"GET {site.url('/endless.mp4')} HTTP/1.1\r\nHost: x\r\n{credentials(opened)}\r\n".encode())
        await site.is_sending.wait()
        sent = -1
        async with asyncio.timeout(30):
            while sent != site.sent_bytes:
                sent = site.sent_bytes
                await asyncio.sleep(0.2)
        assert sent < 32 * 1024 * 1024
        assert not site.cut.is_set()

    async with asyncio.timeout(HANGS_UP_WITHIN_S):
        await site.cut.wait()
    writer.close()


async def test_a_head_without_end_is_cut(egress: Egress) -> None:
    assert await ask(egress, "GET http://x/ HTTP/1.1\r\nX: " + "x" * 70_000) == b""


async def test_a_job_that_may_have_no_more_stops_the_site_until_it_may(egress: Egress, site: VideoSite) -> None:
    """To the byte; nothing is lost, and a reader that is slow as well is still waited for."""
    with egress.open_pass() as opened:
        opened.allow(1_000_000)
        reader, writer = await asyncio.open_connection("127.0.0.1", egress.port)
        writer.write(f"GET {site.url('/endless.mp4')} HTTP/1.1\r\nHost: x\r\n{credentials(opened)}\r\n".encode())
        await reader.readexactly(1_000_000)
        async with asyncio.timeout(30):
            while not opened.is_full:  # noqa: ASYNC110 - the last bytes are on their way
                await asyncio.sleep(0.01)
        assert opened.received_bytes == 1_000_000
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await reader.read(1)
        assert opened.received_bytes == 1_000_000

        opened.allow(2_000_000)
        await reader.readexactly(2_000_000)
        opened.allow(None)
        await reader.readexactly(3_000_000)
        received = -1
        async with asyncio.timeout(30):
            while received != opened.received_bytes:
                received = opened.received_bytes
                await asyncio.sleep(0.2)
        assert received - 6_000_000 < 32 * 1024 * 1024
    writer.close()
