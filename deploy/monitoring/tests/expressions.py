"""What dashboards and alerts ask Prometheus: their expressions, and the metrics that stand in them.

Rules: an expression is read as far as names go: a metric is a name that no bracket follows and that
is not within braces; what stands in braces, and behind `by`, are labels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
DASHBOARDS = sorted((HERE / "grafana" / "dashboards").glob("*.json"))
ALERTS = HERE / "alerts.yml"
PAGE = ROOT / "docs" / "deploy.md"
"""It says what an adapter asks, by which a cluster scales."""
_FIGURE = re.compile(r"(?P<figure>.+) (?:==|!=|>|<|>=|<=) [\d.]+", re.DOTALL)
_METRIC = re.compile(r"\b(?:edgemesh_\w+|up)\b")
_SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True)
class Expression:
    """One, and where it stands."""

    where: str
    text: str

    @property
    def metrics(self) -> set[str]:
        """As they are exposed, a histogram's by its own name."""
        found = _METRIC.findall(re.sub(r"\{[^}]*\}", "", self.text))
        return {_base(name) for name in found}

    @property
    def labels(self) -> set[str]:
        """Labels that it asks for."""
        within = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", self.text)
        by = re.findall(r"\b(?:by|without|on)\s*\(([^)]*)\)", self.text)
        return {*within, *(label.strip() for names in by for label in names.split(","))}

    @property
    def figure(self) -> str:
        """An alert's figure, without what it is held against; Grafana's variables filled in."""
        found = _FIGURE.fullmatch(self.text)
        text = found["figure"] if found else self.text
        return re.sub(r"\$(executor|job)\b", ".*", text.replace("$__rate_interval", "1m"))


def _base(name: str) -> str:
    return next((name.removesuffix(s) for s in _SUFFIXES if name.endswith(s)), name)


def dashboard(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def panels(path: Path) -> list[dict[str, Any]]:
    """Those that show something."""
    return [each for each in dashboard(path)["panels"] if each["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]


def adapter() -> str:
    """What the adapter's rule asks, of one executor."""
    found = re.search(r"```yaml\n(rules:.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, PAGE
    rule = yaml.safe_load(found[1])["rules"]["external"][0]
    asked = rule["metricsQuery"].replace("<<.LabelMatchers>>", 'executor="pywasm"')
    # The adapter knows what there is by the series, and asks of the same labels.
    assert rule["seriesQuery"] in asked.replace('executor="pywasm"', 'executor!=""'), rule
    return asked


def expressions() -> Iterator[Expression]:
    """All of them."""
    yield Expression(f"{PAGE.name}, the adapter", adapter())
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                yield Expression(f"{path.stem}, {panel['title']}", target["expr"])
    for rule in alerts():
        yield Expression(f"alert {rule['alert']}", rule["expr"])
