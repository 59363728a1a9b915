"""Makes the pictures of the documents, in docs/pictures: ``python -m tests.browser.pictures``."""

import asyncio
from pathlib import Path

from PIL import Image

from tests.browser.dashboard_picture import make_dashboard
from tests.browser.extension_pictures import make_extension
from tests.browser.terminal_picture import make_terminal

FOLDER = Path(__file__).parent.parent.parent / "docs" / "pictures"
_COLOURS = 128


async def _make() -> None:
    FOLDER.mkdir(exist_ok=True)
    dashboard, popup, options = (
        FOLDER / f"{name}.png" for name in ("dashboard", "extension-popup", "extension-options")
    )
    await make_dashboard(dashboard)
    await make_extension(popup, options)
    await make_terminal(FOLDER / "terminal.svg")
    for picture in (dashboard, popup, options):
        _shrink(picture)


def _shrink(picture: Path) -> None:
    """Keep as many colours as flat pages have: a third of the bytes, and nobody sees a difference."""
    with Image.open(picture) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)


if __name__ == "__main__":
    asyncio.run(_make())
