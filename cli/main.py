"""The command itself: which subcommands there are, and what becomes of errors."""

import importlib
import sys
from collections.abc import Mapping

import click

from cli.app import App, common
from cli.exits import INTERRUPTED, CommandError

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "send": ("send", "send"),
    "jobs": ("jobs", "jobs"),
    "watch": ("jobs", "watch"),
    "cancel": ("jobs", "cancel"),
    "retry": ("jobs", "retry"),
    "history": ("history", "history"),
    "probe": ("probe", "probe"),
    "queue-status": ("status", "queue_status"),
    "memory-status": ("status", "memory_status"),
    "health": ("status", "health"),
    "users": ("users", "users"),
    "keys": ("keys", "keys"),
    "pair": ("pair", "pair"),
    "login": ("login", "login"),
    "logout": ("login", "logout"),
    "up": ("up", "up"),
    "completion": ("completion", "completion"),
}
"""Module in `cli.commands`, and name there. Loaded when it is called: a command pays for no other."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"cli.commands.{module}"), name)
        return found


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit status: 0 done; 1 a job failed, or something was refused or is not healthy; 2 called wrongly;"
        " 3 not reachable; 4 not signed in or not allowed; 130 Ctrl-C."
    ),
)
@click.version_option(package_name="clipferry")
@common
def clipferry() -> None:
    """Web video in, Telegram out: send pages, follow them, and look after a clipferry."""


def main() -> int:
    """Run the command and return its exit status."""
    app = App()
    try:
        status = clipferry.main(prog_name="clipferry", standalone_mode=False, obj=app)
    except CommandError as error:
        app.complain(error)
        return error.status
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        if app.is_json or "--json" in sys.argv[1:]:
            app.is_json = True
            app.complain(CommandError("FIELD_INVALID", error.format_message(), error.exit_code))
        else:
            error.show()
        return error.exit_code
    return status if isinstance(status, int) else 0
