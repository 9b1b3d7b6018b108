"""Makes onnx_models.json and onnx_nodes.json.z: what onnxruntime, and the standard itself, say.

    pip install onnx==1.23.2 onnxruntime==1.32.0
    pip install --no-deps silero-vad==6.2.3 magika==1.0.3
    python tests/golden/make_onnx.py

The first: the two models that `fetch` brings, on made-up sound and on the bytes of small files. The
second: those of the ONNX project's own tests of operators whose operator is supported and whose
data is small, with the outputs that they expect.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

HERE = Path(__file__).parent
OPS = HERE.parents[1] / "crate" / "src" / "onnx" / "ops" / "mod.rs"
WINDOW, CONTEXT, STEPS = 512, 64, 6
OLDEST = 7
"""Of the operator sets that are supported."""
_MOST_BYTES = 1500


def told(array: np.ndarray) -> dict[str, Any]:
    array = np.asarray(array, order="C")
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def silero() -> list[dict[str, Any]]:
    """Windows of noise and of a buzz, each with the state that the one before left."""
    file = package("silero_vad") / "data" / "silero_vad_16k_op15.onnx"
    session = onnxruntime.InferenceSession(file)
    chance = np.random.default_rng(1)
    sound = chance.normal(0, 0.02, WINDOW * STEPS).astype("f4")
    at = np.arange(WINDOW * STEPS) / 16_000
    for harmonic in range(1, 12):
        sound += (np.sin(at * 140 * harmonic * 2 * np.pi) * 0.2 / harmonic * (at > 0.05)).astype(
            "f4"
        )
    state, calls = np.zeros((2, 1, 128), "f4"), []
    sound = np.concatenate([np.zeros(CONTEXT, "f4"), sound])
    for step in range(STEPS):
        window = sound[step * WINDOW :][: WINDOW + CONTEXT][None]
        inputs = {"input": window, "state": state, "sr": np.array(16_000, "i8")}
        output, state = session.run(None, inputs)
        calls.append({"input": told(window), "output": told(output)})
    calls[-1]["stateN"] = told(state)
    return calls


def magika() -> list[dict[str, Any]]:
    file = package("magika") / "models" / "standard_v3_3" / "model.onnx"
    session = onnxruntime.InferenceSession(file)
    texts = [
        b"import os\n\ndef main() -> None:\n    print(os.name)\n\n\nmain()\n" * 20,
        b'{"name": "value", "list": [1, 2, 3]}\n' * 30,
        bytes(np.random.default_rng(2).integers(0, 256, 2048, dtype="u1")),
    ]
    rows = []
    for text in texts:
        begin = np.frombuffer(text.strip()[:1024], "u1").astype("i4")
        end = np.frombuffer(text.strip()[-1024:], "u1").astype("i4")
        row = np.full(2048, 256, "i4")
        row[: len(begin)] = begin
        row[2048 - len(end) :] = end
        rows.append(row)
    rows = np.stack(rows)
    (output,) = session.run(None, {"bytes": rows})
    return [{"bytes": told(rows), "target_label": told(output)}]


def nodes() -> list[dict[str, Any]]:
    from onnx.backend.test.case.node import collect_testcases

    known = set(re.findall(r'^    \("(\w+)",', OPS.read_text(), re.MULTILINE)) | {"If"}
    found = []
    for case in collect_testcases(None):
        graph = case.model.graph
        ops = {node.op_type for node in graph.node}
        domains = {node.domain for node in graph.node} - {"", "ai.onnx"}
        version = case.model.opset_import[0].version
        if (
            case.kind != "node"
            or version < OLDEST
            or not ops <= known
            or domains
            or case.model.functions
        ):
            continue
        data = case.model.SerializeToString()
        for inputs, outputs in case.data_sets:
            arrays = [*inputs, *outputs]
            if not all(isinstance(each, np.ndarray | np.generic) for each in arrays):
                continue
            arrays = [np.asarray(each) for each in arrays]
            simple = all(each.dtype.kind in "fiub" and each.dtype != "u8" for each in arrays)
            small = len(data) + sum(each.nbytes for each in arrays) <= _MOST_BYTES
            names = [value.name for value in graph.input]
            if not simple or not small or len(names) != len(inputs):
                continue
            found.append(
                {
                    "name": case.name,
                    "opset": version,
                    "model": base64.b64encode(data).decode(),
                    "inputs": [told(np.asarray(each)) for each in inputs],
                    "outputs": [told(np.asarray(each)) for each in outputs],
                    "rtol": case.rtol,
                    "atol": case.atol,
                }
            )
    return sorted(found, key=lambda each: each["name"])


def main() -> None:
    models = {"silero-vad": silero(), "magika": magika()}
    (HERE / "onnx_models.json").write_text(json.dumps(models, separators=(",", ":")) + "\n")
    cases = nodes()
    packed = zlib.compress(json.dumps(cases, separators=(",", ":")).encode(), 9)
    (HERE / "onnx_nodes.json.z").write_bytes(packed)
    print(f"{len(cases)} nodes in {len(packed)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
