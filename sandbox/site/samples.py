"""What the site offers, with the truth about each: what should arrive, or why nothing should."""

import dataclasses
from collections.abc import Sequence

from sandbox.site.media import DURATION_S, HEIGHT, WIDTH


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One address of the site that a job may be given."""

    path: str
    title: str
    about: str
    """One line for people."""
    duration_s: float = DURATION_S
    width: int = WIDTH
    """Display width in pixels."""
    height: int = HEIGHT
    reason: str = ""
    """Why a job for it fails; empty when the video arrives."""
    same_bytes: bool = False
    """The media data arrives as it is: its mdat box is the clip's."""


WATCH = "/watch"
"""The page that `make run` submits: slow enough to be watched."""

SAMPLES: Sequence[Sample] = (
    Sample(path=WATCH, title="A page to watch", about="A page with <video>, served at 700 kB/s", same_bytes=True),
    Sample(path="/media/clip.mp4", title="Direct mp4", about="The file itself, its index at the end", same_bytes=True),
    Sample(path="/pages/video", title="Page with <video>", about="What most pages are", same_bytes=True),
    Sample(path="/pages/og-video", title="Page with og:video", about="Only a meta tag names it", same_bytes=True),
    Sample(path="/pages/several", title="Page with several videos", about="The first one is sent", same_bytes=True),
    Sample(path="/media/hls/index.m3u8", title="HLS", about="MPEG-TS segments of 2 s"),
    Sample(path="/media/hls-audio/index.m3u8", title="HLS, separate sound", about="Picture and sound in two playlists"),
    Sample(path="/media/hls-fmp4/index.m3u8", title="HLS, fragmented mp4", about="One init segment, then fragments"),
    Sample(path="/media/hls-aes/index.m3u8", title="HLS, encrypted", about="AES-128, the key beside it"),
    Sample(path="/media/dash/index.mpd", title="DASH", about="Picture and sound in two adaptation sets"),
    Sample(
        path="/media/rotated.mp4",
        title="Held upright",
        about="A display matrix turns it by 90 degrees",
        width=HEIGHT,
        height=WIDTH,
        same_bytes=True,
    ),
    Sample(path="/media/silent.mp4", title="Silent", about="A picture without a sound"),
    Sample(path="/media/vp9.webm", title="WebM", about="VP9 and Opus: re-encoded", width=320, height=180),
    Sample(path="/throttled/400/clip.mp4", title="Throttled", about="400 kB/s per connection", same_bytes=True),
    Sample(path="/chunked/clip.mp4", title="Chunked", about="No Content-Length, no ranges", same_bytes=True),
    Sample(path="/redirect/3/media/clip.mp4", title="Redirected", about="Three redirects away", same_bytes=True),
    Sample(path="/gone", title="404", about="There is nothing", reason="GONE"),
    Sample(path="/pages/no-video", title="Page without video", about="Text only", reason="NO_VIDEO"),
    Sample(path="/huge.mp4", title="Too large", about="Announces 60,000,000 bytes", reason="VIDEO_TOO_LARGE"),
    Sample(
        path="/huge-chunked.mp4",
        title="Too large, unannounced",
        about="60,000,000 bytes without Content-Length",
        reason="VIDEO_TOO_LARGE",
    ),
    Sample(path="/media/live/index.m3u8", title="Live", about="A playlist without an end", reason="LIVE"),
    Sample(
        path="/media/hls-broken/index.m3u8",
        title="HLS with a hole",
        about="The second segment answers 404",
        reason="INCOMPLETE",
    ),
)
"""Every sample that ends by itself. Beside them, for tests of cancelling and crashing: ``/endless.mp4``,
``/stalled.mp4`` and ``/gated/<gate>/clip.mp4``."""
