"""Dashboards, alerts and what Prometheus asks, held to what services tell and Compose starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import expressions
import pytest
import yaml
from expressions import ALERTS, DASHBOARDS, HERE, ROOT, Expression

from edgemesh_local import reading
from edgemesh_local.service import all_services

ADDED = {"job", "instance"}
"""Labels that Prometheus itself adds."""
PAGE = (ROOT / "docs" / "operations.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
PROMTOOL = shutil.which("promtool")
COMPOSE_PROGRAM = shutil.which("docker-compose")


@pytest.mark.parametrize("expression", list(expressions.expressions()), ids=lambda each: each.where)
def test_each_expression_asks_for_what_services_tell(expression: Expression) -> None:
    told = {metric.name: metric for metric in reading.metrics(ROOT)}
    assert expression.metrics, expression.text
    labels = set(ADDED)
    for name in expression.metrics - {"up"}:
        assert name in told, f"{name} is no metric of any service"
        metric = told[name]
        labels |= {*metric.labels, *(["le"] if metric.kind == "histogram" else [])}
        asked = f"{name}_bucket" in expression.text
        assert asked == (metric.kind == "histogram"), f"{name} is a {metric.kind}"
    assert expression.labels <= labels


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = expressions.dashboard(path)
    source = yaml.safe_load((HERE / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    (known,) = source["datasources"]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in expressions.panels(path):
        assert panel["datasource"] == {"type": known["type"], "uid": known["uid"]}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    used = set(
        re.findall(
            r"\$(\w+)", " ".join(t["expr"] for p in expressions.panels(path) for t in p["targets"])
        )
    )
    assert used - {"__rate_interval"} == {each["name"] for each in board["templating"]["list"]}


def test_dashboards_have_names_of_their_own() -> None:
    assert len({expressions.dashboard(path)["uid"] for path in DASHBOARDS}) == len(DASHBOARDS) > 0


@pytest.mark.parametrize("rule", expressions.alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert f"### {rule['annotations']['mend']}\n" in PAGE
    assert rule["labels"]["severity"] in ("warning", "critical")
    asked = Expression(rule["alert"], rule["expr"])
    assert asked.figure != asked.text, "a figure, an operator and a number"
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    told = {metric.name: set(metric.labels) for metric in reading.metrics(ROOT)}
    by = re.search(r"by \(([^)]*)\)", rule["expr"])
    kept = (
        set(by[1].split(", ")) if by else ADDED.union(*(told.get(n, set()) for n in asked.metrics))
    )
    assert shown <= kept


def test_prometheus_asks_each_service_of_compose_where_it_answers() -> None:
    config = yaml.safe_load((HERE / "prometheus.yml").read_text())
    asked = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]
    }
    assert asked.pop("prometheus") == ["prometheus.monitoring:9090"]
    known = all_services(ROOT)
    assert asked == {name: [f"{name}:{each.metrics_port}"] for name, each in known.items()}
    prometheus = COMPOSE["services"]["prometheus"]
    for name in asked:
        assert set(prometheus["networks"]) & set(COMPOSE["services"][name]["networks"]), name


def test_what_is_mounted_is_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / "deploy" / source).exists(), source


@pytest.mark.skipif(
    PROMTOOL is None and "CI" not in os.environ, reason="Debian's prometheus is not installed"
)
@pytest.mark.parametrize("words", [("config", HERE / "prometheus.yml"), ("rules", ALERTS)], ids=str)
def test_promtool_takes_it(words: tuple[str, Path]) -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_compose_can_be_told_stands_in_the_example_with_its_default() -> None:
    text = (ROOT / "deploy" / "compose.yaml").read_text()
    takes = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    handed_on = {
        name
        for service in COMPOSE["services"].values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    example = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert {name: shown.get(name) for name in takes} == takes
    assert shown.keys() == takes.keys() | handed_on | {"COMPOSE_PROFILES"}


@pytest.mark.skipif(COMPOSE_PROGRAM is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("profile", ["", "postgres", "monitoring", "backup"])
def test_compose_takes_every_profile(profile: str) -> None:
    """Compose 1.29, where that is what is installed: the file keeps to what it takes."""
    assert COMPOSE_PROGRAM is not None
    done = subprocess.run(
        [COMPOSE_PROGRAM, "--file", ROOT / "deploy" / "compose.yaml", "config", "--quiet"],
        env={**os.environ, "COMPOSE_PROFILES": profile},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_others_images_have_versions() -> None:
    own = {f"edgemesh-{name}:${{EDGEMESH_TAG:-latest}}" for name in all_services(ROOT)}
    for service in COMPOSE["services"].values():
        image = service["image"]
        assert image in own or re.search(r":v?\d+(\.\d+)+[\w.-]*\}$", image), image


def test_whatever_is_started_is_walled_off() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service["user"].startswith("0")
        assert not {"privileged", "cap_add", "network", "pid", "ipc"} & service.keys()
