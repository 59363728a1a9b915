"""The mutants still fit the code, so that `make mutants` never proves less than it says."""

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_and_can_be_run(mutant: Mutant) -> None:
    """Whoever changes the place that a mutant breaks changes the mutant with it."""
    changed = mutant.applied_to((ROOT / mutant.path).read_text())

    if mutant.path.endswith(".py"):
        compile(changed, mutant.path, "exec")


def test_a_mutant_without_its_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="its snippet is 0 times in code"):
        Mutant("gone", "code.py", "no longer there", "").applied_to("other code")


def test_names_are_unique() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
