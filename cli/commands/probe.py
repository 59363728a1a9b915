"""``clipferry probe``."""

from collections.abc import Iterator
from typing import Any

import click

from cli.app import App, common, pass_app
from cli.commands.page_options import fields_of, media_options
from cli.page_address import whole_address
from cli.words import duration, groups, human

_ANSWER_S = 120.0
"""A site may be slow; the gateway itself gives up earlier."""
_FITS = {
    "as_is": "fits as it is",
    "smaller_format": "a smaller format that fits",
    "transcode": "re-encoded until it fits",
    "too_large": "too large, whatever is done",
    "unknown": "known once it is downloaded",
}


@click.command()
@click.argument("url")
@media_options
@common
@pass_app
def probe(app: App, /, url: str, **asked: Any) -> None:
    """Say what there is on a page, without sending it. With --json: its picture too."""
    url = whole_address(app, url)
    body = {"url": url, **fields_of(asked)}
    with app.gateway() as gateway:
        found = gateway.call("POST", "/api/probe", body=body, repeats=False, answer_s=_ANSWER_S)
    sections = {found["title"] or url: list(_media(found)), "It would be sent": list(_plan(found["plan"]))}
    entries = [(f"--item {each['item']}", _entry(each)) for each in found["entries"]]
    app.tell_lines(found, groups(sections | {"It is a list": entries}))


def _media(found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "found by", f"yt-dlp's {found['extractor']!r}" if found["extractor"] else None
    yield "length", "live" if found["isLive"] else _length(found["duration"])
    yield "picture", found["thumbnailUrl"]


def _plan(plan: dict[str, Any] | None) -> Iterator[tuple[str, object]]:
    if plan is None:
        return
    limit, size = human(plan["limit"]), plan["estimatedSize"]
    yield "how", _FITS.get(plan["fit"], plan["fit"])
    yield "size", f"about {human(size)}, of at most {limit}" if size else f"not said, at most {limit}"
    yield "format", plan["formatId"] + (" (picture and sound are joined)" if plan["merges"] else "")
    yield "pixels", f"{plan['width']}x{plan['height']}" if plan["width"] and plan["height"] else None


def _entry(entry: dict[str, Any]) -> str:
    length = _length(entry["duration"])
    return f"{entry['title'] or entry['url']}{f' ({length})' if length else ''}"


def _length(seconds: float | None) -> str | None:
    return None if seconds is None else duration(seconds)
