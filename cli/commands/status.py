"""``clipferry queue-status``, ``memory-status`` and ``health``."""

import click

from cli.app import App, common, pass_app
from cli.exits import FAILED, OK
from cli.http import Http
from cli.numbers import Facts, health_facts, memory_facts, queue_facts
from cli.words import groups


@click.command("queue-status")
@common
@pass_app
def queue_status(app: App) -> None:
    """Show the queue's statistics: an admin those of the whole, a user those of the own jobs."""
    with app.gateway() as gateway:
        found = gateway.get("/api/queue/stats")
    app.tell_lines(found, groups(queue_facts(found)))


@click.command("memory-status")
@common
@pass_app
def memory_status(app: App) -> None:
    """Show what the processors have reserved for videos."""
    with app.gateway() as gateway:
        found = gateway.get("/api/memory/stats")
    app.tell_lines(found, groups({"Memory": memory_facts(found)}))


@click.command()
@common
@pass_app
def health(app: App) -> int:
    """Say whether all is well: status 1 if something is wrong or no processor is there.

    Of a clipferry that runs on this machine each service is asked itself: the gateway does not reach them all.
    """
    target = app.target()
    with Http(target.url) as http:
        answer = http.health()
    serving = _serving(target.services)
    asked: Facts = [(name, "serving" if is_serving else "NOT serving") for name, is_serving in serving.items()]
    facts = health_facts(target.url, answer.body) | {"Each service, asked by itself": asked}
    app.tell_lines({**answer.body, **({"serving": serving} if serving else {})}, groups(facts))
    # Degraded: the gateway answers, but no processor is connected and jobs only wait.
    is_well = answer.is_success and answer.body["status"] == "ok"
    return OK if is_well and all(serving.values()) else FAILED


def _serving(services: dict[str, str]) -> dict[str, bool]:
    if not services:
        return {}
    from cli.serving import serves  # noqa: PLC0415 - gRPC, which nothing else of this needs

    return {name: serves(address) for name, address in services.items()}
