"""A cross-encoder for pages: MiniLM's encoder, with a head of random numbers before it.

It orders documents by chance; what a page shows is how one is asked.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def make(encoder: Path, folder: Path) -> None:
    """Put it there. `encoder`: a folder of BERT as transformers saves it."""
    config = json.loads((encoder / CONFIG).read_text())
    config |= {"architectures": ["BertForSequenceClassification"], "num_labels": 1}
    made = folder.with_name(f".{folder.name}.new")
    made.mkdir()
    (made / CONFIG).write_text(json.dumps(config))
    shutil.copy(encoder / "tokenizer.json", made)
    raw = (encoder / WEIGHTS).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    header = {f"bert.{name}": each for name, each in header.items() if name != "__metadata__"}
    size = config["hidden_size"]
    random = np.random.default_rng(0)
    for name, shape in (("weight", (1, size)), ("bias", (1,))):
        values = random.normal(size=shape).astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(values)]
        header[f"classifier.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += values
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    (made / WEIGHTS).write_bytes(len(told).to_bytes(8, "little") + told + data)
    made.rename(folder)
