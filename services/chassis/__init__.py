"""What every process shares, and what knows none of them.

Nothing of ours loads structlog or pydantic before this module: it says what they may do without.
"""

import os
import sys

_NOT_FOR_LINES = ("rich", "greenlet")


def _load_structlog() -> None:
    """Load structlog as if what it does without were not installed, whether or not it is, for others.

    With rich, which the command line has, it would have tracebacks drawn, with the values of all variables. Our lines
    are JSON without them, and rich takes 20 to 70 ms of each start and 4 MB. Where greenlet is, it loads that for what
    it calls deprecated: 1 MB.
    """
    before = {name: sys.modules.get(name) for name in _NOT_FOR_LINES}
    sys.modules.update(dict.fromkeys(_NOT_FOR_LINES))  # type: ignore[arg-type] # "not to be found", says the language
    try:
        import structlog  # noqa: F401, PLC0415 - not before
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


_load_structlog()
# Else pydantic reads the metadata of everything that is installed, 12 ms, for plugins that nobody wants here.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
