"""Spans of a file become trees, in text and as pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from edgemesh_local import trace


def span(id: int, parent: int | None, name: str, at: int, **changes: Any) -> str:
    return json.dumps(
        {
            "name": name,
            "context": {"trace_id": "0x1", "span_id": f"0x{id}"},
            "parent_id": None if parent is None else f"0x{parent}",
            "start_time": f"2026-01-01T00:00:00.{at:06d}Z",
            "end_time": f"2026-01-01T00:00:00.{at + 1000:06d}Z",
            "status": {"status_code": changes.get("status", "UNSET")},
            "attributes": changes.get("attributes", {}),
            "resource": {"attributes": {"service.name": "edgemesh-cpp"}},
        }
    )


LINES = [
    span(3, 2, "run", 30, status="ERROR"),
    span(2, 1, "Execute", 20, attributes={"edgemesh.algorithm": "<cpp.fft>"}),
    span(1, 99, "Compute", 10),
    span(4, None, "alone", 5),
]


def test_spans_stand_below_those_that_they_belong_to() -> None:
    alone, root = trace.read(LINES)
    assert [(depth, each.name) for depth, each in trace.walk(root)] == [
        (0, "Compute"),
        (1, "Execute"),
        (2, "run"),
    ]
    assert [each.name for _, each in trace.walk(alone)] == ["alone"]
    rows = trace.text(root).splitlines()
    assert rows[2].split() == ["Execute", "<cpp.fft>", "cpp", "0.01", "1.00"]
    assert rows[3].endswith("failed")


def test_the_picture_is_xml_with_a_bar_for_each() -> None:
    _, root = trace.read(LINES)
    picture = ElementTree.fromstring(trace.svg(root))
    bars = picture.findall("{http://www.w3.org/2000/svg}rect/{http://www.w3.org/2000/svg}title")
    assert [bar.text for bar in bars] == ["cpp: 1.00 ms"] * 3


def test_the_command(tmp_path: Path) -> None:
    file, picture = tmp_path / "spans", tmp_path / "trace.svg"
    file.write_text("\n".join(LINES))
    command = [sys.executable, "-m", "edgemesh_local.trace", str(file), "--svg", str(picture)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Compute" in told.stdout
    assert "Compute" in picture.read_text()
    file.write_text("{}")
    wrong = subprocess.run(command, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"{file}: no file of spans")
