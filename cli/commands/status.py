"""``clipferry queue-status``, ``memory-status`` and ``health``."""

import click

from cli.app import App, common, pass_app
from cli.exits import FAILED, OK, unreachable
from cli.http import Http
from cli.words import facts


@click.command("queue-status")
@common
@pass_app
def queue_status(app: App) -> None:
    """Show the queue's statistics."""
    _tell(app, "/api/queue/stats")


@click.command("memory-status")
@common
@pass_app
def memory_status(app: App) -> None:
    """Show what the processors have reserved for videos."""
    _tell(app, "/api/memory/stats")


def _tell(app: App, path: str) -> None:
    with app.gateway() as gateway:
        found = gateway.get(path)
    app.tell(found, facts(found))


@click.command()
@common
@pass_app
def health(app: App) -> int:
    """Say whether all is well: status 1 if something is wrong or no processor is there.

    Of a clipferry that runs on this machine each service is asked itself: the gateway does not reach them all.
    """
    target = app.target()
    with Http(target.url) as http:
        answer = http.send("GET", "/health", repeats=False)
    if "status" not in answer.body:
        raise unreachable(f"What answers at {target.url} is no clipferry.")
    serving = _serving(target.services)
    said = {name: "serving" if is_serving else "NOT serving" for name, is_serving in serving.items()}
    app.tell({**answer.body, **({"serving": serving} if serving else {})}, [*facts(answer.body), *said.items()])
    # Degraded: the gateway answers, but no processor is connected and jobs only wait.
    is_well = answer.is_success and answer.body["status"] == "ok"
    return OK if is_well and all(serving.values()) else FAILED


def _serving(services: dict[str, str]) -> dict[str, bool]:
    if not services:
        return {}
    from cli.serving import serves  # noqa: PLC0415 - gRPC, which nothing else of this needs

    return {name: serves(address) for name, address in services.items()}
