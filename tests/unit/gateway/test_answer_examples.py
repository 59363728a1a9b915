"""What the OpenAPI document shows as an answer is one."""

import msgspec
import pytest

from gateway.api.examples import ANSWERS
from gateway.views.history import HistoryView
from gateway.views.probe import ProbeView

_VIEWS = {view.__name__: view for view in (HistoryView, ProbeView)}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_has_each_field_of_its_type_and_no_other(name: str) -> None:
    for example in ANSWERS[name].values():
        read = msgspec.convert(example["value"], _VIEWS[name])

        assert msgspec.to_builtins(read) == example["value"]
