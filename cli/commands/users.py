"""``clipferry users``."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from cli.app import App, common, pass_app

_USERS = "/api/admin/users"
_ROLES = click.Choice(("user", "admin"))
_chats_option = click.option(
    "--chat",
    "chats",
    multiple=True,
    metavar="CHAT",
    help="Where they may send to: a chat id, @name, default for the operator's chat, * for any. Can be repeated.",
)


@click.group(invoke_without_command=True)
@common
@click.pass_context
def users(context: click.Context) -> None:
    """Who there is, and what everybody may do. For admins; without a command: the list."""
    if context.invoked_subcommand is None:
        context.invoke(list_users)


@users.command("list")
@common
@pass_app
def list_users(app: App) -> None:
    """List everybody."""
    with app.gateway() as gateway:
        found = gateway.get(_USERS)
    app.tell(found, _rows(found["users"]))


@users.command("add")
@click.argument("user")
@click.option("--role", type=_ROLES, default="user", show_default=True)
@_chats_option
@common
@pass_app
def add_user(app: App, user: str, role: str, chats: tuple[str, ...]) -> None:
    """Add a user, who gets in by `clipferry pair USER` or `clipferry keys add USER`."""
    body = {"user": user, "role": role} | ({"chats": list(chats)} if chats else {})
    with app.gateway() as gateway:
        added = gateway.call("POST", _USERS, body=body, repeats=False)
    app.tell(added, _rows([added]))


@users.command("change")
@click.argument("user")
@click.option("--role", type=_ROLES, help="Another one ends the user's sessions.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether the user may come in.")
@_chats_option
@common
@pass_app
def change_user(app: App, user: str, role: str | None, enabled: bool | None, chats: tuple[str, ...]) -> None:
    """Change a user's role or chats, or shut a user out."""
    wanted: dict[str, Any] = {"role": role, "enabled": enabled, "chats": list(chats) or None}
    body = {name: value for name, value in wanted.items() if value is not None}
    if not body:
        raise click.UsageError("Say what is to be different: --role, --enable, --disable or --chat.")
    with app.gateway() as gateway:
        changed = gateway.call("PATCH", _path(user), body=body)
    app.tell(changed, _rows([changed]))


@users.command("remove")
@click.argument("user")
@common
@pass_app
def remove_user(app: App, user: str) -> None:
    """Remove a user with all keys and codes, and end the sessions. The jobs stay."""
    with app.gateway() as gateway:
        gateway.call("DELETE", _path(user), repeats=False)
    app.tell({"removed": user}, [("removed", user)])


def _path(user: str) -> str:
    return f"{_USERS}/{quote(user, safe='')}"


def _rows(found: Iterable[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    yield "USER", "ROLE", "MAY COME IN", "CHATS"
    for user in found:
        yield user["user"], user["role"], "yes" if user["enabled"] else "no", " ".join(user["chats"])
