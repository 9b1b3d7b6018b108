"""The operator's page: its tables follow the sources, and it names nothing that there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_local import operations, reading
from edgemesh_local.layout import Layout
from edgemesh_local.parts import PartFailed

ROOT = Layout.here().root


async def test_the_page_is_what_the_sources_say() -> None:
    await operations.stale(ROOT)


def test_every_form_of_a_setting_is_read() -> None:
    found = {family.name: family for family in reading.families(ROOT)}
    assert found["GatewaySettings"].prefix == "EDGEMESH_GATEWAY_"
    assert found["CppSettings"].base == "ExecutorSettings"
    shared = {setting.name: setting for setting in found["ServiceSettings"].settings}
    largest = shared["MAX_REQUEST_BYTES"]
    assert (largest.kind, largest.default, largest.bounds) == (
        "int",
        "128 MiB",
        "≥ 1,024 ≤ 1024 MiB",
    )
    assert shared["EDGEMESH_LOG_FORMAT"].kind == "auto, text, json"
    assert "SERVICE" not in shared
    walls = {setting.name: setting for setting in found["PyWasmSettings"].settings}["WALLS"]
    assert walls.kind == "strict, best"


def test_metrics_are_named_as_they_are_exposed() -> None:
    found = {metric.name: metric for metric in reading.metrics(ROOT)}
    ended = found["edgemesh_jobs_ended_total"]
    assert (ended.kind, ended.labels) == ("counter", ("state",))
    assert found["edgemesh_queue_wait_seconds"].labels == ("executor", "class")
    assert found["edgemesh_workers"].owner == "executors"


def test_reasons_have_their_code_and_what_to_do() -> None:
    found = {reason.name: reason for reason in reading.reasons(ROOT)}
    assert found["STORE_AWAY"].code == "UNAVAILABLE"
    assert found["INTERNAL"].text.startswith("A fault of ours")
    assert found["QUEUE_FULL"].retry.startswith("yes")
    assert found["UNUSABLE_MODEL"].retry.endswith("metadata has `model`, `why`, `remedy`")


@pytest.mark.parametrize(
    "name",
    [
        "edgemesh_jobz",
        "rate(edgemesh_rpcs[5m])",
        "EDGEMESH_GATEWAY_QUEU",
        "STORE_GONE",
        '"executor is away"',
    ],
)
def test_a_name_that_there_is_not_is_found(name: str) -> None:
    assert operations.strangers(ROOT, f"see `{name}`") == {name}


@pytest.mark.parametrize(
    "name",
    [
        "edgemesh_job_seconds_bucket",
        "EDGEMESH_CPP_WORKERS=4",
        "EDGEMESH_ML_CONFIG",
        "OUTCOME_CRASH",
        '"executor away"',
        "python -m edgemesh_sandbox.setup",
    ],
)
def test_a_name_that_there_is_is_none(name: str) -> None:
    assert operations.strangers(ROOT, f"see `{name}`") == set()


def test_a_setting_without_a_docstring_is_no_table(tmp_path: Path) -> None:
    folder = tmp_path / "gateway" / "src" / "edgemesh_gateway"
    folder.mkdir(parents=True)
    shared = tmp_path / "mesh_service" / "src" / "mesh_service"
    shared.mkdir(parents=True)
    (shared / "settings.py").write_text("class ServiceSettings(BaseSettings):\n    port: int = 0\n")
    with pytest.raises(reading.NotUnderstood, match=r"settings\.py:2: port needs a docstring"):
        reading.families(tmp_path)


async def test_a_stale_table_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / operations.PAGE).read_text()
    page = tmp_path / "operations.md"
    page.write_text(text.replace("Port that it binds", "Port that it bound"))
    monkeypatch.setattr(operations, "PAGE", page)
    with pytest.raises(PartFailed, match="run make operations"):
        await operations.stale(ROOT)
