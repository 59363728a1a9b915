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
    if not (os.environ.get("EXTERNAL_ISSUERS") or os.environ.get("TLS_CERT_FILE")):
        # PyJWT would load it, 9 MB, for keys as only other issuers have. With TLS it tells the end of the certificate.
        sys.modules["cryptography"] = None  # type: ignore[assignment]
    from cli.together import main  # noqa: PLC0415 - all the services

    main()
