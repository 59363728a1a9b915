"""What every subcommand has: where it says things, and whom it asks."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from cli.exits import CommandError
from cli.gateway import Gateway
from cli.target import Target, find_target
from cli.words import clean, columns, sizes_in_words

F = TypeVar("F", bound=Callable[..., Any])


class App:
    """One call of the command."""

    def __init__(self) -> None:
        self.is_json = False
        self.gateway_url = ""

    def target(self) -> Target:
        """Return whom to ask."""
        return find_target(self.gateway_url)

    def gateway(self) -> Gateway:
        """Return the gateway; use it as a block."""
        return Gateway(self.target())

    def tell(self, document: object, rows: Iterable[Sequence[object]]) -> None:
        """Write the answer: `document` as JSON, or `rows` in columns for people."""
        self.tell_lines(document, columns(list(rows)))

    def tell_lines(self, document: object, lines: Iterable[str]) -> None:
        """Write the answer: `document` as JSON, or `lines` for people."""
        if self.is_json:
            click.echo(json.dumps(document, ensure_ascii=False))
            return
        for line in lines:
            click.echo(line)

    def complain(self, error: CommandError) -> None:
        """Write an error to standard error."""
        if self.is_json:
            facts = {name: value for name, value in error.facts.items() if name not in ("code", "message")}
            click.echo(json.dumps({"code": error.code, "message": error.message, **facts}), err=True)
        else:
            # What was called wrongly says so by itself; every other reason can be looked up.
            code = "" if error.code == "FIELD_INVALID" else f"{error.code}: "
            click.echo(f"clipferry: {code}{sizes_in_words(clean(error.message))}", err=True)

    def note(self, sentence: str) -> None:
        """Write a sentence for people to standard error; not in JSON."""
        if not self.is_json:
            click.echo(sentence, err=True)


def common(command: F) -> F:
    """Give a command the options that every one has."""
    for option in (
        click.option(
            "--url",
            "gateway_url",
            expose_value=False,
            callback=_keep,
            metavar="URL",
            help="Gateway to ask. Default: CLIPFERRY_URL, else the one that runs here, else the one signed in to.",
        ),
        click.option(
            "--json",
            "is_json",
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Write JSON; errors too, on standard error.",
        ),
    ):
        command = option(command)
    return command


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        setattr(context.ensure_object(App), str(parameter.name), value)


pass_app = click.make_pass_decorator(App, ensure=True)


def read_lines() -> list[str]:
    """Return the lines of standard input, without those that are empty or begin with #."""
    lines = (line.strip() for line in sys.stdin)
    return [line for line in lines if line and not line.startswith("#")]
