"""``clipferry send``."""

import click

from cli.app import App, common, pass_app, read_lines
from cli.commands.watching import cancels_option, watch_to_end
from cli.exits import OK, CommandError
from cli.job_cache import remember
from cli.words import clean


@click.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option("--to", "chat", metavar="CHAT", help="Telegram chat id or @name. Default: the operator's chat.")
@click.option("--audio", is_flag=True, help="Deliver the sound only.")
@click.option("--watch", "-w", is_flag=True, help="Follow until everything has arrived.")
@cancels_option
@common
@pass_app
def send(app: App, urls: tuple[str, ...], *, chat: str | None, audio: bool, watch: bool, cancels: bool) -> int:
    """Send the videos of pages to Telegram. With - as URL: pages from standard input, one a line."""
    pages = [page for url in urls for page in (read_lines() if url == "-" else [url])]
    options = ({"destination": chat} if chat else {}) | ({"kind": "audio"} if audio else {})
    status, jobs = OK, []
    with app.gateway() as gateway:
        for page in pages:
            try:
                jobs.append(gateway.submit({"url": page, **options}))
            except CommandError as error:
                if len(pages) == 1:
                    raise
                status = error.status
                error.message = f"{clean(page)}: {error.message}"
                app.complain(error)
        remember(jobs)
        if watch and jobs:
            return watch_to_end(app, gateway, jobs, cancels=cancels) or status
        app.tell({"jobs": jobs}, [(job["id"], job["status"], job["videoData"]["pageUrl"]) for job in jobs])
        return status
