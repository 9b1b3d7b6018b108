"""Models of the golden files with made-up weights: `made_golden.py FILE MODEL FOLDER`."""

from __future__ import annotations

import json
import sys
from array import array
from pathlib import Path
from typing import Any

from made import floats, put

GOLDEN = Path(__file__).parents[1] / "crate" / "tests" / "golden"
_BESIDE = {"tokenizer": "tokenizer.json", "preprocessor": "preprocessor_config.json"}


def model(file: str, name: str, **config: Any) -> dict[str, bytes]:
    """The files of one model of `file`.json."""
    told = json.loads((GOLDEN / f"{file}.json").read_text())["models"][name]
    header: dict[str, Any] = {}
    data: list[bytes] = []
    at = 0
    for seed, (tensor, shape) in enumerate(told["tensors"].items()):
        count = 1
        for n in shape:
            count *= n
        values = floats(count, seed)
        if len(shape) == 1 and tensor.endswith((".weight", ".running_var")):
            values = array("f", [value + 1 for value in array("f", values)]).tobytes()
        header[tensor] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + count * 4]}
        data.append(values)
        at += count * 4
    text = json.dumps(header).encode()
    files = {"config.json": json.dumps(told["config_5"] | config).encode()}
    for key, path in _BESIDE.items():
        if key in told:
            files[path] = json.dumps(told[key]).encode()
    files["model.safetensors"] = len(text).to_bytes(8, "little") + text + b"".join(data)
    return files


if __name__ == "__main__":
    put(Path(sys.argv[3]), model(*sys.argv[1:3]))
