"""Every video has a preview: upright, at most 320 pixels a side, under 200 kB, whatever its shape. By real ffmpeg."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from PIL import Image

from services.processor.adapters.media import FfmpegMedia
from services.processor.core.run import MediaFacts, MediaFile
from tests.fakes.shaped_media import AAC, H264, VP9, made, picture, sound

LOSSLESS = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "20")
SHAPES = {
    "one pixel": (("2x2",), (*LOSSLESS, "-pix_fmt", "yuv444p"), (2, 2)),
    "odd sides": (("123x77",), (*LOSSLESS, "-pix_fmt", "yuv444p"), (122, 76)),
    "very tall": (("16x2000",), H264, (2, 320)),
    "very wide": (("4000x16",), H264, (320, 2)),
    "portrait": (("720x1280",), H264, (180, 320)),
    "exactly as large": (("320x320",), H264, (320, 320)),
    "one more": (("322x322",), H264, (320, 320)),
    "ten bits": (("640x360",), (*H264[:-1], "yuv420p10le"), (320, 180)),
    "high dynamic range": (
        ("640x360",),
        (*H264[:-1], "yuv420p10le", "-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc"),
        (320, 180),
    ),
    "no square pixels": (("320x180",), (*H264, "-vf", "setsar=1/4"), (80, 180)),
    "vp9": (("640x360",), VP9, (320, 180)),
}


@contextmanager
def in_memory(data: bytes) -> Iterator[MediaFile]:
    fd = os.memfd_create("clip")
    try:
        os.write(fd, data)
        yield MediaFile(fd=fd, size_bytes=len(data), extension="mp4")
    finally:
        os.close(fd)


def facts(*, duration_s: float) -> MediaFacts:
    return MediaFacts(mime_type="video/mp4", duration_s=duration_s, width=1, height=1, video_codec="h264")


async def preview(data: bytes, *, duration_s: float = 0.2) -> Image.Image:
    with in_memory(data) as file:
        jpeg = await FfmpegMedia().thumbnail(file, facts(duration_s=duration_s))
    assert 0 < len(jpeg) < 200_000
    shown = Image.open(io.BytesIO(jpeg))
    shown.load()
    assert shown.format == "JPEG"
    return shown


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_has_a_preview(name: str) -> None:
    sizes, codec, expected = SHAPES[name]

    shown = await preview(made(*picture(*sizes, duration_s=0.2), *codec))

    assert max(shown.size) <= 320
    assert shown.size == expected


async def test_noise_in_every_pixel_still_fits() -> None:
    """What compresses worst is made smaller until it is under the limit."""
    noise = made(
        "-f", "lavfi", "-i", "nullsrc=s=640x640:d=0.2,geq=random(1)*255:128:128", *LOSSLESS, "-pix_fmt", "yuv420p"
    )

    await preview(noise)


async def test_a_file_that_says_it_is_longer_has_a_preview_too() -> None:
    """There is no frame where it should have one; so the first is taken."""
    await preview(made(*picture(duration_s=0.2), *H264), duration_s=100)


@pytest.mark.parametrize(("degrees", "corner"), [(90, (10, 310)), (-90, (170, 10)), (180, (310, 170))])
async def test_what_was_held_on_its_side_is_shown_upright(degrees: int, corner: tuple[int, int]) -> None:
    """The red corner of the frame, at its upper left, is where a person sees it."""
    red = "color=c=blue:s=320x180:d=0.2,drawbox=x=0:y=0:w=40:h=40:c=red:t=fill"
    flat = made("-f", "lavfi", "-i", red, *H264)
    turned = made_turned(flat, degrees)

    shown = await preview(turned)

    assert shown.size == ((320, 180) if degrees == 180 else (180, 320))
    pixel = shown.convert("RGB").getpixel(corner)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 150
    assert pixel[2] < 100


def made_turned(flat: bytes, degrees: int) -> bytes:
    with in_memory(flat) as file:
        source = f"/proc/{os.getpid()}/fd/{file.fd}"
        return made("-display_rotation:v:0", str(degrees), "-i", source, "-c", "copy", name=f"turned{degrees}.mp4")


async def test_a_high_dynamic_range_is_not_grey() -> None:
    """White at 100 nits has half of the largest number; it is shown brighter than that."""
    tags = "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc:range=tv"
    white = ("-f", "lavfi", "-i", f"color=c=0x828282:s=320x180:d=0.2,format=yuv420p10le,{tags}")
    data = made(*white, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", name="hdr.mp4")

    with in_memory(data) as file:
        jpeg = await FfmpegMedia().thumbnail(file, replace(facts(duration_s=0.2), video_codec="hevc"))

    assert min(Image.open(io.BytesIO(jpeg)).convert("L").tobytes()) > 145


async def test_a_sound_has_the_cover_that_came_with_it() -> None:
    with in_memory(made(*sound(duration_s=0.2), *AAC, name="s.m4a")) as file:
        file.cover = b"\xff\xd8\xff of the site"
        only_sound = MediaFacts(mime_type="audio/mp4", duration_s=0.2, audio_codec="aac")
        assert await FfmpegMedia().thumbnail(file, only_sound) == file.cover
