"""Addresses of pages as people type them."""

import json

import pytest

from cli.answer import Answer
from cli.app import App
from cli.exits import USAGE, CommandError
from cli.page_address import whole_address


@pytest.mark.parametrize("typed", ["example.org/video", "localhost:8082/pages/video", "video.test:8080"])
def test_without_its_beginning_it_is_https_which_is_said(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    """In JSON nothing is said: errors are read from there."""
    for_programs = App()
    for_programs.is_json = True

    assert whole_address(for_programs, typed) == f"https://{typed}"
    assert capsys.readouterr().err == ""
    assert whole_address(App(), typed) == f"https://{typed}"
    assert capsys.readouterr().err == f"Taken as https://{typed}.\n"


@pytest.mark.parametrize("typed", ["http://example.org/video", "HTTPS://example.org", "ftp://example.org", "data:,x"])
def test_what_has_a_beginning_stays_as_it_is(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    assert whole_address(App(), typed) == typed
    assert capsys.readouterr().err == ""


def test_a_refused_field_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    """It exits as one, and is said without the code."""
    refused = {"code": "FIELD_INVALID", "detail": "caption has 5000 characters."}
    error = Answer("https://nas.test", 422, json.dumps(refused).encode()).error()
    App().complain(error)

    assert error.status == USAGE
    assert capsys.readouterr().err == "clipferry: caption has 5000 characters.\n"


def test_sizes_are_said_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    App().complain(CommandError("VIDEO_TOO_LARGE", "The video has 61500000 bytes; the limit is 50000000 bytes."))

    assert capsys.readouterr().err == "clipferry: VIDEO_TOO_LARGE: The video has 61.5 MB; the limit is 50 MB.\n"
