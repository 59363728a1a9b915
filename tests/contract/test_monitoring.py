"""Rules, dashboard and runbooks against the code: what they name exists, and each alert leads somewhere."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import gateway.metrics
import services.chassis.build
import services.chassis.calls
import services.chassis.disk_writes
import services.chassis.loop_watch
import services.chassis.tls
import services.notifier.metrics
import services.processor.metrics
import services.queue.metrics
from services.chassis.metrics import METRICS, Counter, Histogram, Metric
from tests.documents import env_example
from tests.processes.tools import needs

ROOT = Path(__file__).parent.parent.parent
MONITORING = ROOT / "deploy" / "monitoring"
RULES = MONITORING / "clipferry.rules.yaml"
RULES_TEST = MONITORING / "clipferry.rules_test.yaml"
DASHBOARD = MONITORING / "dashboards" / "clipferry.json"
RUNBOOKS = ROOT / "docs" / "runbooks"
DECLARED = (
    gateway.metrics,
    services.chassis.build,
    services.chassis.calls,
    services.chassis.disk_writes,
    services.chassis.loop_watch,
    services.chassis.tls,
    services.notifier.metrics,
    services.processor.metrics,
    services.queue.metrics,
)
"""Where metrics are declared: imported for that."""
_NAME = re.compile(r"\bclipferry_[a-z0-9_]+")
_SELECTED = re.compile(r"\b(clipferry_[a-z0-9_]+)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")
FROM_PROMETHEUS = {"instance", "le"}


@cache
def rules() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def expressions() -> Iterable[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def metric(shown: str) -> Metric | None:
    """Return the metric of a name as Prometheus has it."""
    found = METRICS.get(shown)
    if found is not None and not isinstance(found, Histogram):
        return found
    histogram = METRICS.get(re.sub("_(bucket|count|sum)$", "", shown))
    return histogram if isinstance(histogram, Histogram) else None


def test_every_metric_that_is_named_exists() -> None:
    named = {name for expression in expressions() for name in _NAME.findall(expression)}

    assert {name for name in named if metric(name) is None} == set()


def test_every_label_that_is_named_exists() -> None:
    unknown = {
        (name, label)
        for expression in expressions()
        for name, selector in _SELECTED.findall(expression)
        for label in _LABEL.findall(re.sub(r'"[^"]*"', '""', selector))
        if (found := metric(name)) is not None and label not in {*found.labels, *FROM_PROMETHEUS}
    }
    labels = {label for each in METRICS.values() for label in each.labels} | FROM_PROMETHEUS
    grouped = {
        label.strip() for expression in expressions() for by in _GROUPED.findall(expression) for label in by.split(",")
    }

    assert unknown == set()
    assert grouped <= labels


def test_every_metric_of_ours_is_shown_somewhere() -> None:
    """What nobody looks at is not worth counting."""
    shown = {found.name for each in expressions() for name in _NAME.findall(each) if (found := metric(name))}

    assert {name for name in METRICS if name.startswith("clipferry_")} == shown


def test_names_say_what_they_are() -> None:
    for each in METRICS.values():
        assert re.fullmatch("clipferry_[a-z0-9_]+", each.name)
        assert each.name.endswith("_total") == isinstance(each, Counter), each.name
        assert each.name.endswith("_seconds") or not isinstance(each, Histogram), each.name
        assert each.text.endswith("."), each.name


def test_every_alert_leads_to_its_runbook() -> None:
    for alert in alerts():
        page = ROOT / alert["annotations"]["runbook_url"]
        assert page.parent == RUNBOOKS
        assert re.search(rf"^Alert: .*\b{alert['alert']}\b", page.read_text(), re.MULTILINE), alert["alert"]
        assert alert["labels"]["severity"] in {"critical", "warning"}


def test_every_runbook_has_its_alert_and_its_place_in_the_list() -> None:
    pages = {page.name for page in RUNBOOKS.glob("*.md")} - {"README.md"}

    assert pages == {Path(alert["annotations"]["runbook_url"]).name for alert in alerts()}
    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", (RUNBOOKS / "README.md").read_text()))


def test_runbooks_name_settings_and_pages_that_there_are() -> None:
    settings = env_example()
    for page in RUNBOOKS.glob("*.md"):
        text = page.read_text()
        panels = {panel["title"] for panel in json.loads(DASHBOARD.read_text())["panels"]}
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        for name in re.findall(r"`([A-Z][A-Z0-9]+_[A-Z0-9_]+)`", text):
            known = f"#{name}=" in settings or f"`{name}`" in (ROOT / "docs" / "reasons.md").read_text()
            assert known or name in {"RETRY_WAIT"}, f"{page.name}: {name}"
        for title in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*", text):
            assert any(panel.startswith(title) for panel in panels), f"{page.name}: {title}"


def test_every_alert_is_tested() -> None:
    """Once where it must fire, and once where all is well."""
    fires: dict[str, list[bool]] = {}
    for group in yaml.safe_load(RULES_TEST.read_text())["tests"]:
        for case in group["alert_rule_test"]:
            fires.setdefault(case["alertname"], []).append(bool(case["exp_alerts"]))

    assert {name: sorted(each) for name, each in fires.items()} == {alert["alert"]: [False, True] for alert in alerts()}


@needs("promtool")
@pytest.mark.parametrize("arguments", [("check", "rules", RULES.name), ("test", "rules", RULES_TEST.name)])
def test_prometheus_agrees(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    done = subprocess.run([promtool, *arguments], cwd=MONITORING, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
