"""What a process shows to Prometheus."""

from collections.abc import Mapping
from typing import TypeAlias

import httpx
from prometheus_client.parser import text_string_to_metric_families

Numbers: TypeAlias = Mapping[str, float]


async def shown_metrics(http: httpx.AsyncClient, port: int) -> Numbers:
    """Return every number that is shown, as ``name{label="value"}``."""
    text = (await http.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
