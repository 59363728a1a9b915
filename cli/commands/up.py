"""``clipferry up``."""

import sys

import click


@click.command()
def up() -> None:
    """Run all of clipferry in this one process, until Ctrl-C: for a NAS or another small machine.

    What it can be told are the variables of .env.example; TELEGRAM_BOT_TOKEN is needed. Where to look is written to
    standard error, log lines to standard output.
    """
    # structlog loads it wherever it is installed, to be ready for colours that nobody sees here: 4 MB.
    sys.modules["rich"] = None  # type: ignore[assignment]
    from cli.together import main  # noqa: PLC0415 - all the services

    main()
