"""The settings of a run and of everything it starts, right or refused together before anything starts."""

import os
import subprocess
import sys
from collections.abc import Mapping

from sandbox.run.config import SANDBOX_BOT_TOKEN, RunSettings, environment
from services.chassis.settings import SettingsError, load

_SERVICES = (
    "services.queue.config:QueueSettings",
    "services.processor.config:ProcessorSettings",
    "services.notifier.config:NotifierSettings",
    "gateway.config:GatewaySettings",
)
_CHECK_TIMEOUT_S = 60.0


def checked_settings() -> RunSettings:
    """Return the settings of the run.

    Raises:
        SettingsError: With a line for each mistake, in what `make run` reads and in what the services read.
    """
    settings: RunSettings | None = None
    mistakes: dict[str, None] = {}
    try:
        settings = load(RunSettings)
        variables = environment(settings)
    except SettingsError as error:
        mistakes = dict.fromkeys(str(error).splitlines())
        # The services' mistakes as well; the missing token that a run would fill in is none of them.
        is_given = {"TELEGRAM_BOT_TOKEN", "TELEGRAM_BOT_TOKEN_FILE"} & os.environ.keys()
        variables = {**os.environ} if is_given else {**os.environ, "TELEGRAM_BOT_TOKEN": SANDBOX_BOT_TOKEN}
    mistakes |= dict.fromkeys(_mistakes_of_services(variables))
    if settings is None or mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings


def _mistakes_of_services(variables: Mapping[str, str]) -> list[str]:
    # In a process of its own: this one is no service, and reads its own environment only.
    checked = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "services.chassis.check", *_SERVICES],
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_CHECK_TIMEOUT_S,
        check=False,
    )
    if checked.returncode not in (0, 78):
        raise SettingsError(f"the settings of the services could not be checked: {checked.stderr.strip()[-200:]}")
    return checked.stderr.splitlines() if checked.returncode else []
