"""``clipferry probe``."""

import click

from cli.app import App, common, pass_app
from cli.words import facts


@click.command()
@click.argument("url")
@click.option("--audio", is_flag=True, help="As if the sound only were wanted.")
@common
@pass_app
def probe(app: App, url: str, audio: bool) -> None:
    """Say what there is on a page, without sending it."""
    with app.gateway() as gateway:
        body = {"url": url} | ({"kind": "audio"} if audio else {})
        found = gateway.call("POST", "/api/probe", body=body, repeats=False)
    entries = found["entries"]
    about = facts({name: value for name, value in found.items() if name != "entries"})
    app.tell(found, [*about, *((f"entry {each['item']}", each["title"] or each["url"]) for each in entries)])
