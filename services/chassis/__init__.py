"""What every process shares, and what knows none of them.

Nothing of ours loads structlog or pydantic before this module: it says what they may do without.
"""

import os
import sys


def _load_structlog() -> None:
    """Load structlog as if rich were not installed, whether or not it is, for the command line.

    It would have rich draw tracebacks, with the values of all variables. Our lines are JSON without them, and rich
    takes 70 ms of each start and 4 MB.
    """
    rich = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment] # "not to be found", says the language's reference
    try:
        import structlog  # noqa: F401, PLC0415 - not before
    finally:
        if rich is None:
            del sys.modules["rich"]
        else:
            sys.modules["rich"] = rich


_load_structlog()
# Else pydantic reads the metadata of everything that is installed, 12 ms, for plugins that nobody wants here.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
