"""Makes the picture of a terminal: what ``clipferry send --watch`` really writes, drawn by rich."""

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.browser.dashboard_scene import SITE, scene
from tests.fakes.gateway_client import ADMIN_KEY
from tests.processes.cli_tools import Shell

_COLUMNS = 124
_PAGES = ("tide-tables", "gulls", "storm-season")
_REDRAWN = re.compile(r"\r(?:\x1b\[2K|\x1b\[1A)+")
"""How rich goes back to the first bar, to draw all of them anew."""
_FONTS = re.compile(r"@font-face\s*\{[^}]*\}\s*")
"""From elsewhere: a picture that is shown in a page loads none, and needs none."""


async def make_terminal(picture: Path) -> None:
    """Write the picture of three videos: one has arrived, one is downloaded, one is sent."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with scene(folder) as stage:
            shell = Shell(folder, {"CLIPFERRY_URL": stage.url, "CLIPFERRY_API_KEY": ADMIN_KEY})
            pages = [f"{SITE}/{page}" for page in _PAGES]
            with shell.terminal("send", *pages, "--watch", columns=_COLUMNS) as terminal:
                runs = [await stage.run() for _ in pages]
                await stage.deliver(runs[0], "Tide tables of the ferry")
                await stage.progress(runs[1], "downloading", 34, done_mb=18.2, of_mb=46.9)
                await stage.progress(runs[2], "sending", 88, done_mb=21.0, of_mb=27.5)
                moved = ("18.2 of 46.9 MB", "21.0 of 27.5 MB")
                for _ in range(2):  # the second time, the first was drawn to its end
                    await terminal.shows(f"100 %.*{'.*'.join(moved)}")
        whole = next(frame for frame in reversed(_REDRAWN.split(terminal.seen)[:-1]) if moved[1] in frame)
    picture.write_text(_drawn(f"$ clipferry send {pages[0]} … --watch", whole))


def _drawn(typed: str, shown: str) -> str:
    console = Console(record=True, width=_COLUMNS, file=io.StringIO())
    console.print(Text(typed, style="bold"))
    for line in shown.splitlines():
        bar = Text.from_ansi(line)
        bar.rstrip()
        console.print(bar)
    return _FONTS.sub("", console.export_svg(title="clipferry", unique_id="clipferry"))
