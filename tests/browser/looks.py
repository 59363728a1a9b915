"""How a page looks, kept as pictures for people, and what axe says of it."""

from pathlib import Path
from typing import Literal

from playwright.async_api import Page

PICTURES = Path(__file__).parent.parent / "artifacts"
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
_CONTRAST = {"runOnly": ["color-contrast"]}


async def picture(page: Page, name: str, *, is_long: bool = False) -> None:
    """Keep how a page looks in light and in dark.

    Args:
        page: Any.
        name: Such as ``extension/popup``: a path below ``tests/artifacts``, without its ending.
        is_long: Only the part on the screen is kept: the rest is more of the same.
    """
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=PICTURES / f"{name}-{scheme}.png", full_page=not is_long)


async def violations(page: Page, axe: str) -> list[str]:
    """Return what axe finds wrong with a page: with all its rules in light, with that of contrast in dark as well.

    Args:
        page: Its rules may forbid scripts from outside; the DevTools protocol brings this one.
        axe: The text of axe.min.js.
    """
    await page.evaluate(axe)
    found: list[str] = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        rules = {} if scheme == "light" else _CONTRAST
        report = await page.evaluate("(rules) => axe.run(rules)", rules)
        assert report["passes"], "axe has looked at nothing"
        found += [f"{scheme}: {each['help']}: {each['nodes'][0]['html']}" for each in report["violations"]]
    return found
