"""Which release a process is of. Loaded only where metrics are shown."""

from importlib.metadata import version

from services.chassis.metrics import Fact

BUILD = Fact("clipferry_build_info", "1, under the version of the release that this process is of.", ("version",))


def tell_build() -> None:
    """Show it from now on."""
    BUILD.tell(1, version("clipferry"))
