"""``python -m services.chassis.check module:Class …``: are these settings right, all of them?

For whoever starts several services: they share one environment, and its mistakes are told together, before any starts.
Prints a line for each mistake on standard error, each once, and ends with status 78; 0 when there is none.
"""

import pkgutil
import sys
from collections.abc import Iterable

from services.chassis.settings import SettingsError, load


def mistakes(names: Iterable[str]) -> list[str]:
    """Return a line for each mistake in the settings of those classes, each named as ``module:Class``."""
    found: dict[str, None] = {}
    for name in names:
        try:
            load(pkgutil.resolve_name(name))
        except SettingsError as error:
            found |= dict.fromkeys(str(error).splitlines())
    return list(found)


if __name__ == "__main__":
    lines = mistakes(sys.argv[1:])
    sys.stderr.writelines(f"{line}\n" for line in lines)
    sys.exit(78 if lines else 0)
