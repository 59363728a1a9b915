"""``python -m sandbox.run [--once] [--url URL]``: what ``make run`` calls."""

import argparse
import asyncio
import signal
import sys

from rich.console import Console

from cli.run_state import only_run, published
from sandbox.run.checked import checked_settings
from sandbox.run.config import RunSettings, environment
from sandbox.run.gateway import Gateway, GatewayError, signed_in
from sandbox.run.programs import check_ports, programs, until_ready
from sandbox.run.signposts import signposts
from sandbox.run.supervision import Supervisor, start, supervised
from sandbox.run.trip import Ending, trip
from sandbox.run.verdict import faults
from sandbox.site.samples import WATCH
from services.chassis.lifecycle import StartError
from services.chassis.settings import SettingsError


def main() -> int:
    """Run everything; returns the exit status: 0 after Ctrl-C, or once the one video arrived whole."""
    arguments = _arguments()
    console = Console(soft_wrap=True)
    try:
        settings = checked_settings()
        return asyncio.run(_until_signalled(settings, arguments, console))
    except (SettingsError, StartError, GatewayError) as error:
        sys.stderr.write(f"clipferry: {error}\n")
        return 78 if isinstance(error, SettingsError) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description="Start everything and deliver one page's video.")
    parser.add_argument("--once", action="store_true", help="stop after the delivery; status 0 if it arrived whole")
    parser.add_argument("--url", help="page to deliver instead of the sample site's")
    return parser.parse_args()


async def _until_signalled(settings: RunSettings, arguments: argparse.Namespace, console: Console) -> int:
    run = asyncio.create_task(_run(settings, arguments, console), name="run")
    signalled = asyncio.Event()

    def on_signal() -> None:
        signalled.set()
        run.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    try:
        return await run
    except asyncio.CancelledError:
        if not signalled.is_set():
            raise
        console.print("Stopped; nothing is left behind.")
        return 1 if arguments.once else 0


async def _run(settings: RunSettings, arguments: argparse.Namespace, console: Console) -> int:
    wanted = programs(settings)
    variables = environment(settings)
    api_key = variables["ADMIN_API_KEY"]
    with only_run(settings.run_dir):
        check_ports(wanted)
        console.print(f"Starting {', '.join(program.name for program in wanted)} …")
        async with supervised(wanted, variables, log_dir=settings.run_dir, drain_s=settings.drain_s) as supervisor:
            await start(supervisor, asyncio.create_task(until_ready(wanted), name="until-ready"))
            with published(
                settings.run_dir,
                gateway_url=settings.gateway_url,
                gateway_store=variables["GATEWAY_DATABASE_URL"],
                api_key=api_key,
                services={
                    program.name: program.address for program in wanted if program.module.startswith("services.")
                },
            ):
                async with signed_in(settings.gateway_url, api_key) as gateway:
                    return await _deliver_and_stay(settings, arguments, console, gateway, supervisor)


async def _deliver_and_stay(
    settings: RunSettings,
    arguments: argparse.Namespace,
    console: Console,
    gateway: Gateway,
    supervisor: Supervisor,
) -> int:
    page_url = arguments.url or f"{settings.site_url}{WATCH}"
    console.print(f"Delivering {page_url}", highlight=False, markup=False)
    status = await _deliver(settings, page_url, gateway, console)
    if arguments.once:
        return status
    codes = await gateway.pairing_code(), await gateway.pairing_code()
    signposts(settings, token=gateway.token, pairing_codes=codes, api_key=gateway.api_key, console=console)
    raise await supervisor.until_down()


async def _deliver(settings: RunSettings, page_url: str, gateway: Gateway, console: Console) -> int:
    try:
        ending = await trip(gateway, page_url, console)
    except GatewayError as error:
        console.print(f"Not accepted: {error}", highlight=False, markup=False)
        return 1
    wrong = await _faults(settings, ending, page_url)
    verdict = "Arrived whole" if not wrong else "Arrived, but " if ending.status == "completed" else "Did not arrive"
    told = f": {ending.sentence}" if not wrong or ending.status != "completed" else "; ".join(wrong)
    console.print(f"{verdict}{told}", highlight=False, markup=False)
    return 1 if wrong else 0


async def _faults(settings: RunSettings, ending: Ending, page_url: str) -> list[str]:
    if settings.real_telegram:
        return [] if ending.status == "completed" else [ending.sentence]
    return await faults(ending, page_url=page_url, site_url=settings.site_url, bot_api_url=settings.bot_api_url)


if __name__ == "__main__":
    sys.exit(main())
