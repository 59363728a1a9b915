"""The pages that people write hold for the code: every name in them is one that there is."""

import re
import shlex
from pathlib import Path
from typing import get_args

import click
import pytest

from cli.app import App
from cli.main import clipferry
from gateway.views.history import Kind
from services.chassis.errors import Reason
from tests.fakes.gateway_client import gateway_at_hand

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_NAME = re.compile(r"`([A-Z][A-Z_]{3,})(?:=[^`]*)?`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"")
_PICTURE = re.compile(r"!\[([^]]*)\]|<img [^>]*alt=\"([^\"]*)\"|<img ")


def parsed(line: str) -> None:
    """Read a line that calls the command as the command does, without doing what it says.

    Raises:
        click.UsageError: If there is no such command or option, or a value may not be that.
    """
    words = shlex.split(line, comments=True)
    words = words[: next((at for at, word in enumerate(words) if word in ("|", "<", ">")), len(words))]
    _, command, *arguments = words
    found = clipferry.get_command(click.Context(clipferry), command)
    assert found is not None, line
    found.make_context(command, arguments, parent=click.Context(clipferry, obj=App()))


def calls_in(page: str) -> list[str]:
    """Return the calls of the command in the shell lines of a page."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    parts = [part.strip() for block in blocks for line in block.splitlines() for part in line.split("; ")]
    return [part for part in parts if re.match(r"(\.venv/bin/)?clipferry ", part)]


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_every_call_of_the_command_is_one(page: str) -> None:
    calls = calls_in(page)
    assert len(calls) > 5
    for call in calls:
        parsed(call)


def test_every_kind_of_step_is_told() -> None:
    table = (DOCS / "api.md").read_text().partition("| `kind` |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[1:] if row.startswith("| `")]
    assert {kind for cell in cells for kind in re.findall(r"`(\w+)`", cell)} == set(get_args(Kind))


async def test_every_call_is_in_the_reference_and_no_other(tmp_path: Path) -> None:
    async with gateway_at_hand(tmp_path) as admin:
        paths = (await admin.http.get("/openapi.json")).json()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    written = set(re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", (DOCS / "api.md").read_text(), flags=re.MULTILINE))

    assert written == served


@pytest.mark.parametrize("page", ["quickstart.md", "troubleshooting.md", "api.md"])
def test_every_setting_and_reason_that_is_named_exists(page: str) -> None:
    settings = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    causes = {
        cause
        for path in (ROOT / "extension").rglob("*.js")
        for cause in re.findall(r"\"([A-Z_]{3,})\"", path.read_text())
    }

    named = set(_NAME.findall((DOCS / page).read_text()))

    assert named <= settings | causes | {reason.name for reason in Reason}


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted(DOCS.glob("*.md")))])
def test_every_link_within_the_project_leads_somewhere(page: str) -> None:
    source = ROOT / page
    links = [link or picture for link, picture in _LINK.findall(source.read_text())]
    assert [link for link in links if not (source.parent / link).exists()] == []


def test_every_picture_of_the_quickstart_can_be_read_by_ear() -> None:
    """For each of the three readers there is one, and it says in words what it shows."""
    told = [alt or other for alt, other in _PICTURE.findall((DOCS / "quickstart.md").read_text())]
    assert len(told) >= 4
    assert all(told)
