"""Captions and file names survive every title that a site can have."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processor.core.naming import CAPTION_UNITS, caption, cut_utf16, file_name, utf16_units
from services.processor.core.run import MediaKind
from tests.fakes.processor_tools import FOUND

LONG = "Дом/улица: «часть» 🎬 " * 30
FAMILY = "👨‍👩‍👧‍👦"


@given(st.text(max_size=3_000), st.text(max_size=3_000))
def test_a_caption_never_passes_telegrams_limit(asked: str, title: str) -> None:
    assert utf16_units(caption(asked, replace(FOUND, title=title))) <= CAPTION_UNITS


def test_a_caption_is_title_site_and_link() -> None:
    assert caption("", FOUND) == "A walk in the park\n\nexample.com\nhttps://www.example.com/walk"


def test_what_was_asked_for_is_the_caption_as_it_stands() -> None:
    """Plain text: nothing is escaped, because nothing is parsed."""
    assert caption("a_b*c [x](y) <b>&</b>", FOUND) == "a_b*c [x](y) <b>&</b>"


def test_a_long_title_is_cut_and_the_link_stays() -> None:
    text = caption("", replace(FOUND, title=LONG * 4))
    assert text.endswith("…\n\nexample.com\nhttps://www.example.com/walk")
    assert utf16_units(text) > CAPTION_UNITS - 20


def test_a_link_longer_than_a_caption_is_left_out() -> None:
    text = caption("", replace(FOUND, webpage_url="https://example.com/" + "x" * 2_000))
    assert text == "A walk in the park\n\nexample.com"


def test_a_caption_without_title_is_the_link() -> None:
    assert caption("", replace(FOUND, title=" \n")) == "example.com\nhttps://www.example.com/walk"


@pytest.mark.parametrize("character", ["🎬", FAMILY, "é", "👍🏽", "🇩🇪", "❤️"])
def test_a_cut_never_splits_what_a_reader_sees_as_one_character(character: str) -> None:
    for units in range(2, 40):
        kept = cut_utf16(character * 30, units).removesuffix("…")
        assert kept == character * (len(kept) // len(character))


@given(st.text(max_size=600), st.sampled_from(["mp4", "webm", ""]))
def test_a_file_name_is_always_usable(title: str, extension: str) -> None:
    name = file_name(title, extension, MediaKind.VIDEO)
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & set('/\\\0:;*?"<>|')
    assert not any(unicodedata.category(character) == "Cc" for character in name)
    assert not name.startswith(".")
    assert name.endswith(extension)


def test_a_long_name_keeps_its_extension() -> None:
    name = file_name(LONG, "mp4", MediaKind.VIDEO)
    assert name.startswith("Дом_улица_ «часть» 🎬 Дом")
    assert name.endswith(".mp4")
    assert 245 < len(name.encode()) <= 255


def test_what_turns_the_writing_around_is_left_out_and_what_joins_stays() -> None:
    title = f"\ufeffA \u202egpj.exe\u202c {FAMILY} \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    shown = f"A gpj.exe {FAMILY} \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert caption("", replace(FOUND, title=title)).startswith(f"{shown}\n\nexample.com")
    assert file_name(title, "mp4", MediaKind.VIDEO) == f"{shown}.mp4"


def test_a_caption_of_an_invisible_title_is_the_link() -> None:
    assert caption("", replace(FOUND, title="\ufeff\u200b\u200d")) == "example.com\nhttps://www.example.com/walk"


@pytest.mark.parametrize("title", ["base.mp4", "base.MP4", "base"])
def test_a_title_that_is_a_file_name_gets_no_second_extension(title: str) -> None:
    assert file_name(title, "mp4", MediaKind.VIDEO) == "base.mp4"


@pytest.mark.parametrize("title", ["", "...", "///", "\x00\n", "  ", "\ufeff\u200b", "\u202e\u2066"])
def test_a_title_of_nothing_has_a_fallback(title: str) -> None:
    assert file_name(title, "mp4", MediaKind.VIDEO) == "video.mp4"
    assert file_name(title, "m4a", MediaKind.AUDIO) == "audio.m4a"
