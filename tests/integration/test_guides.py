"""The pages that people write hold for the code: every name in them is one that there is."""

import re
from pathlib import Path

import pytest

from services.chassis.errors import Reason
from tests.fakes.gateway_client import gateway_at_hand

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_NAME = re.compile(r"`([A-Z][A-Z_]{3,})(?:=[^`]*)?`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


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
    missing = [link for link in _LINK.findall(source.read_text()) if not (source.parent / link).exists()]
    assert missing == []
