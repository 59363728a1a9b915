"""``clipferry login`` and ``logout``."""

import sys
from contextlib import suppress

import click

from cli.app import App, common, pass_app
from cli.credentials import LEAVING_S, Kept, bearer, sign_in
from cli.exits import CommandError
from cli.http import Http
from cli.login_file import LoginFile
from cli.variables import config_dir

_ASK = "?"


@click.command()
@click.option(
    "--pairing-code",
    "code",
    is_flag=False,
    flag_value=_ASK,
    metavar="[CODE]",
    help="A code of `clipferry pair`, which works once. Without CODE it is asked for; - reads it from standard input.",
)
@click.option(
    "--api-key",
    "key",
    is_flag=False,
    flag_value=_ASK,
    metavar="[-]",
    help="Sign in with an API key. It is asked for without being shown; - reads it from standard input.",
)
@common
@pass_app
def login(app: App, code: str | None, key: str | None) -> None:
    """Sign in and stay signed in. The key itself is not kept, only what it opens."""
    if code is not None and key is not None:
        raise click.UsageError("Use --pairing-code or --api-key, not both.")
    if key not in (None, "-", _ASK):
        raise click.UsageError(
            "A key here would stay in your shell's history: use --api-key and be asked for it, or -."
        )
    way = {"apiKey": _read(key, "API key")} if key is not None else {"pairingCode": _read(code or _ASK, "Pairing code")}
    file = LoginFile(config_dir())
    with Http(app.target().url) as http:
        opened = sign_in(http, way)
    with file.locked():
        file.write(opened)
    app.tell({"url": opened.url, "user": opened.user}, [(f"Signed in at {opened.url} as {opened.user}.",)])


def _read(given: str, what: str) -> str:
    if given == "-":
        read = sys.stdin.readline().strip()
    elif given == _ASK:
        read = str(click.prompt(what, hide_input=True, err=True)).strip()
    else:
        read = given
    if not read:
        raise click.UsageError(f"{what} is empty.")
    return read


@click.command()
@common
@pass_app
def logout(app: App) -> None:
    """End the session that `clipferry login` has opened, and forget it."""
    file = LoginFile(config_dir())
    kept = file.read()
    if kept is None:
        app.tell({"user": None}, [("Nobody was signed in.",)])
        return
    # Whether or not the gateway still knows it, it is forgotten here.
    with Http(kept.url) as http, suppress(CommandError):
        headers = bearer(Kept(file).token(http))
        http.send("POST", "/api/auth/logout", headers=headers, repeats=False, answer_s=LEAVING_S)
    with file.locked():
        file.remove()
    app.tell({"url": kept.url, "user": kept.user}, [(f"Signed out of {kept.url}.",)])
