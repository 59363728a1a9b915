"""What can be said of a page: options that carry the names of the request's fields."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST_S = 604_800
_MOST_ITEMS = 1_000_000
_TOPICS = 2_147_483_647

_OF_THE_MEDIA = (
    click.option("--audio", "kind", flag_value="audio", help="Deliver the sound only."),
    click.option("--format", "format", metavar="SELECTOR", help="yt-dlp format selector; default: our choice."),
    click.option(
        "--item",
        "playlistItem",
        metavar="N",
        type=click.IntRange(1, _MOST_ITEMS),
        help="Entry of a list, from 1.",
    ),
    click.option("--live", "allowLive", is_flag=True, help="Record it if it is live: to its end, or to a limit."),
    click.option(
        "--max-duration",
        "maxDurationS",
        metavar="SECONDS",
        type=click.FloatRange(0, _LONGEST_S, min_open=True),
        help="Nothing that is longer.",
    ),
    click.option("--referer", "referer", metavar="URL", help="The page that it is embedded in, for sites that ask."),
    click.option("--user-agent", "userAgent", metavar="TEXT", help="What the site is told of who asks."),
)
_OF_THE_MESSAGE = (
    click.option(
        "--to", "destination", metavar="CHAT", help="Telegram chat id or @name. Default: the operator's chat."
    ),
    click.option(
        "--topic", "threadId", metavar="N", type=click.IntRange(1, _TOPICS), help="Topic of a group that has topics."
    ),
    click.option("--caption", "caption", metavar="TEXT", help="Default: title and link. Cut to 1,024 characters."),
    click.option("--priority", "priority", metavar="N", type=click.IntRange(-10, 10), help="Higher runs first."),
)


def media_options(command: F) -> F:
    """Give a command the options that say which media of a page is meant."""
    return _with(command, _OF_THE_MEDIA)


def message_options(command: F) -> F:
    """Give a command the options that say how and where it is sent."""
    return _with(command, _OF_THE_MESSAGE)


def fields_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request that were asked for; the gateway knows the rest."""
    return {name: value for name, value in asked.items() if value is not None and value is not False}


def _with(command: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        command = option(command)
    return command
