"""Where to look and what to try, once everything runs."""

from rich.console import Console
from rich.text import Text

from sandbox.run.config import RunSettings


def signposts(
    settings: RunSettings, *, token: str, pairing_codes: tuple[str, str], api_key: str, console: Console
) -> None:
    """Print addresses, ways in and commands that work as printed.

    Args:
        settings: Of the run.
        token: Access token.
        pairing_codes: One for the live page, one for whatever else is to be signed in.
        api_key: Of the admin.
        console: Where to.
    """
    for_page, for_another = pairing_codes
    rows = [
        ("live page", f"{settings.gateway_url}/#pair={for_page}"),
        ("pairing code", for_another),
        ("admin key", "the one in ADMIN_API_KEY" if settings.admin_api_key else api_key),
        ("API", f"{settings.gateway_url}/docs"),
        ("Telegram", "the real one" if settings.real_telegram else f"{settings.bot_api_url}/"),
        ("sample site", f"{settings.site_url}/"),
        ("token", f"export JWT_TOKEN={token}"),
        ("REST", f'curl -H "Authorization: Bearer $JWT_TOKEN" {settings.gateway_url}/api/queue/stats'),
        ("gRPC", _grpcurl(settings)),
        ("logs", f"{settings.run_dir}/*.log"),
        ("stop", "Ctrl-C"),
    ]
    for name, text in rows:
        # Never wrapped or cut: a line is copied whole.
        console.print(Text.assemble((f"  {name:<13}", "dim"), text), soft_wrap=True)


def _grpcurl(settings: RunSettings) -> str:
    shown = '-H "authorization: Bearer $SERVICE_TOKEN" ' if settings.service_token else ""
    return (
        f".venv/bin/grpcurl -plaintext {shown}{settings.queue_listen_address} clipferry.queue.v1.QueueService/GetStats"
    )
