"""``clipferry up``."""

import os
import sys

import click


@click.command()
def up() -> None:
    """Run all of clipferry in this one process, until Ctrl-C: for a NAS or another small machine.

    What it can be told are the variables of .env.example; TELEGRAM_BOT_TOKEN is needed. Where to look is written to
    standard error, log lines to standard output.
    """
    # Whatever is forked here runs another program at once, and gRPC need not get ready for less; it would say so.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    for module in _unneeded():
        sys.modules[module] = None  # type: ignore[assignment]
    from cli.together import main  # noqa: PLC0415 - all the services

    main()


def _unneeded() -> tuple[str, ...]:
    """Return what libraries load wherever it is installed, and do without where it is not: together 13 MB.

    structlog would have rich for colours that nobody sees here; PyJWT cryptography for keys as only other issuers have.
    With TLS between the services it tells the end of their certificate.
    """
    has_certificates = os.environ.get("EXTERNAL_ISSUERS") or os.environ.get("TLS_CERT_FILE")
    return ("rich",) if has_certificates else ("rich", "cryptography")
