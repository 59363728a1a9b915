"""``clipferry pair``."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import click

from cli.app import App, common, pass_app
from cli.gateway import Gateway
from cli.moments import local

_CODES = "/api/auth/pair"


@click.command()
@click.argument("user", required=False)
@click.option(
    "--list", "-l", "lists", is_flag=True, help="List codes that are not used: yours; for admins, everybody's."
)
@click.option("--revoke", "code_id", metavar="ID", help="Take back a code that is not used, by its ID of the list.")
@common
@pass_app
def pair(app: App, user: str | None, *, lists: bool, code_id: str | None) -> None:
    """Make a pairing code, which lets you in once on another device, or, as an admin, lets USER in."""
    if bool(user) + lists + (code_id is not None) > 1:
        raise click.UsageError("Use one of USER, --list and --revoke.")
    with app.gateway() as gateway:
        if lists:
            found = gateway.get(_CODES)
            app.tell(found, _rows(found["codes"]))
        elif code_id is not None:
            gateway.call("DELETE", f"{_CODES}/{quote(code_id, safe='')}", repeats=False)
            app.tell({"revoked": code_id}, [("revoked", code_id)])
        else:
            _make(app, gateway, user)


def _make(app: App, gateway: Gateway, user: str | None) -> None:
    made = gateway.call("POST", _CODES, body={"user": user} if user else {}, repeats=False)
    link, until = f"{gateway.url}{made['link']}", local(made["expiresAt"])
    app.tell(made, [("code", made["pairingCode"]), ("user", made["user"]), ("until", until), ("live page", link)])


def _rows(found: Iterable[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    yield "ID", "USER", "MADE", "UNTIL"
    for code in found:
        yield code["id"], code["user"], local(code["createdAt"]), local(code["expiresAt"])
