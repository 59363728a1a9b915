"""One wrong change."""

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Mutant(NamedTuple):
    """A change of one place of one file that breaks one rule."""

    name: str
    """The rule as it is broken."""
    path: str
    """From the root of the repository."""
    snippet: str
    """What stands there, exactly once in the file."""
    replacement: str

    def applied_to(self, text: str) -> str:
        """Return the file's `text` with the change.

        Raises:
            ValueError: If the snippet is not there exactly once: a mutant that changes nothing proves nothing.
        """
        count = text.count(self.snippet)
        if count != 1:
            raise ValueError(f"mutant {self.name!r}: its snippet is {count} times in {self.path}, not once")
        if self.snippet == self.replacement:
            raise ValueError(f"mutant {self.name!r} changes nothing")
        return text.replace(self.snippet, self.replacement)
