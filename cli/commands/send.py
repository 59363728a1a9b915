"""``clipferry send``."""

from typing import Any

import click

from cli.app import App, common, pass_app, read_lines
from cli.commands.page_options import fields_of, media_options, message_options
from cli.commands.watching import cancels_option, watch_to_end
from cli.exits import OK, UNREACHABLE, CommandError
from cli.job_cache import remember
from cli.job_ids import short
from cli.page_address import whole_address
from cli.words import clean


@click.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@message_options
@media_options
@click.option("--watch", "-w", is_flag=True, help="Follow until everything has arrived.")
@cancels_option
@common
@pass_app
def send(app: App, /, urls: tuple[str, ...], *, watch: bool, cancels: bool, **asked: Any) -> int:
    """Send the videos of pages to Telegram.

    With - as URL: pages from standard input, one a line; empty lines, and those that begin with #, are skipped. A page
    that is under way already is not sent again. Without its beginning an address is taken as https.
    """
    typed = [page for url in urls for page in (read_lines() if url == "-" else [url])]
    pages = [whole_address(app, page) for page in typed]
    status, jobs = OK, []
    with app.gateway() as gateway:
        for number, page in enumerate(pages, start=1):
            try:
                job = gateway.submit({"url": page, **fields_of(asked)})
            except CommandError as error:
                if len(pages) == 1:
                    raise
                status = error.status
                error.message = f"{clean(page)}: {error.message}"
                app.complain(error)
                if status == UNREACHABLE:
                    # Each of the others would wait as long.
                    app.note(f"Not tried: the {len(pages) - number} pages after it.")
                    break
                continue
            if job.get("duplicate"):
                app.note(f"{clean(page)} is already under way as {short(job['id'])}.")
            jobs.append(job)
        remember(jobs)
        if watch and jobs:
            return watch_to_end(app, gateway, jobs, cancels=cancels) or status
        app.tell({"jobs": jobs}, [(job["id"], job["status"], job["videoData"]["pageUrl"]) for job in jobs])
        return status
