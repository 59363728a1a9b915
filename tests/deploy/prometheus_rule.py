"""The alert rules as the Prometheus operator wants them, made from the plain file that promtool checks."""

from pathlib import Path

import yaml

_RULES = Path(__file__).parent.parent.parent / "deploy/monitoring/clipferry.rules.yaml"


def page() -> str:
    """Return `deploy/monitoring/prometheusrule.yaml`."""
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "clipferry"},
        "spec": yaml.safe_load(_RULES.read_text()),
    }
    return f"# Made from clipferry.rules.yaml: `make documents`.\n{yaml.safe_dump(rule, sort_keys=False, width=120)}"
