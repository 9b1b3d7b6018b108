"""A traced request is one tree, through every service that it met."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from pathlib import Path

import pytest
from support import rpc

from edgemesh_local import trace
from edgemesh_local.mesh import Mesh
from edgemesh_local.trace import Span

ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
AGENT = """
import edgemesh, numpy as np
spectrum = edgemesh.call("cpp.fft", x=np.arange(8.0))
output = int(abs(spectrum.outputs["y"]).argmax())
"""


def edges(root: Span) -> list[tuple[str, str, str]]:
    """Service and label of each span, and its parent's label."""
    found: list[tuple[str, str, str]] = []

    def visit(span: Span, above: str) -> None:
        found.append((span.service, span.label, above))
        for each in span.below:
            visit(each, span.label)

    visit(root, "")
    return found


@pytest.mark.needs("cpp", "pywasm")
async def test_an_agents_request_is_one_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "spans"
    monkeypatch.setenv("EDGEMESH_TRACES", f"file:{file}")
    settings = {"gateway": {"REST_PORT": "0"}}
    async with Mesh(("cpp", "pywasm"), settings=settings) as mesh:
        body = {"code": AGENT, "options": {"capabilities": ["call:cpp.fft"]}}
        request = urllib.request.Request(
            f"http://{mesh.http('gateway')}/api/v1/python/execute",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "traceparent": ABOVE},
        )
        answer = await asyncio.to_thread(lambda: json.load(urllib.request.urlopen(request)))
        assert answer["outcome"] == "OK", answer
        async with rpc.connect(mesh.address("gateway")) as peer:  # which nobody traces
            await peer.compute.Compute(rpc.request("python.run", {"code": "1"}), timeout=10)
    (root,) = trace.read(file.read_text().splitlines())
    assert root.trace == f"0x{ABOVE[3:35]}"
    tree = edges(root)
    for expected in (
        ("gateway", "REST Compute", ""),
        ("gateway", "Compute python.run", "REST Compute"),
        ("gateway", "schedule", "Compute python.run"),
        ("pywasm", "Execute python.run@1", "Compute python.run"),
        ("pywasm", "run python.run", "Execute python.run@1"),
        ("gateway", "Compute cpp.fft", "run python.run"),
        ("cpp", "Execute cpp.fft@1", "Compute cpp.fft"),
        ("cpp", "run cpp.fft", "Execute cpp.fft@1"),
    ):
        assert expected in tree, trace.text(root)
    assert "edgemesh.call" not in file.read_text()
    picture = trace.svg(root)
    if keep := os.environ.get("TRACE_SVG"):  # the picture of docs/tracing.md
        Path(keep).write_text(picture)
    assert picture.count("<title>") == len(tree)
