"""``clipferry keys``."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from cli.app import App, common, pass_app
from cli.moments import local

_KEYS = "/api/auth/keys"
_DASHED_ID = re.compile(r"-[\w-]{11}", re.ASCII)
_SCOPES = ("jobs:read", "jobs:write", "stats:read", "admin")


@click.group(invoke_without_command=True)
@common
@click.pass_context
def keys(context: click.Context) -> None:
    """API keys: yours, and for admins everybody's. Without a command: the list."""
    if context.invoked_subcommand is None:
        context.invoke(list_keys)


@keys.command("list")
@click.option("--user", help="Whose. Default: yours; for admins, everybody's.")
@common
@pass_app
def list_keys(app: App, user: str | None) -> None:
    """List API keys, without the keys themselves."""
    with app.gateway() as gateway:
        found = gateway.get(_KEYS, {"user": user} if user else None)
    app.tell(found, _rows(found["keys"]))


@keys.command("add")
@click.argument("user", required=False)
@click.option("--label", default="", help="What it is for.")
@click.option("--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, help="Only this. Can be repeated.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="How long it is good. Default: for ever.")
@common
@pass_app
def add_key(app: App, user: str | None, label: str, scopes: tuple[str, ...], days: float | None) -> None:
    """Make an API key for yourself, or, as an admin, for USER. It is shown this once."""
    body: dict[str, Any] = {"label": label} | ({"user": user} if user else {})
    if scopes:
        body["scopes"] = list(scopes)
    if days is not None:
        body["expiresInS"] = max(1, round(days * 86_400))
    with app.gateway() as gateway:
        added = gateway.call("POST", _KEYS, body=body, repeats=False)
    app.tell(added, [("key", added["apiKey"]), ("id", added["id"]), ("user", added["user"])])


class _ByKeyId(click.Command):
    """Takes the id of a key for one, also if it begins with a dash."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ids = [each for each in args if _DASHED_ID.fullmatch(each)]
        others = [each for each in args if each not in ids]
        return super().parse_args(ctx, [*others, "--", *ids] if ids and "--" not in args else args)


@keys.command("remove", cls=_ByKeyId)
@click.argument("key_id", metavar="ID")
@common
@pass_app
def remove_key(app: App, key_id: str) -> None:
    """Remove an API key with what was made with it, and end the sessions that began with it."""
    with app.gateway() as gateway:
        gateway.call("DELETE", f"{_KEYS}/{quote(key_id, safe='')}", repeats=False)
    app.tell({"removed": key_id}, [("removed", key_id)])


def _rows(found: Iterable[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    yield "ID", "USER", "LABEL", "SCOPES", "USED", "UNTIL"
    for key in found:
        scopes = " ".join(key["scopes"]) or "all of the role"
        used, until = (key[name] and local(key[name]) for name in ("usedAt", "expiresAt"))
        yield key["id"], key["user"], key["label"], scopes, used or "never", until or "removed"
