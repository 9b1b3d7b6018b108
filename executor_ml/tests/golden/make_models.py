"""Small models of transformers with made-up weights, for the scripts beside this one."""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from make_decoders import noise

Models = Mapping[str, tuple[str, str, dict[str, Any]]]
"""By name: a configuration's class, a model's class, and what the configuration is made of."""


def configs(models: Models) -> None:
    """Print each model's configuration as the transformers of this Python writes it."""
    import transformers

    out = {}
    for name, (config, kind, given) in models.items():
        made = getattr(transformers, config)(**given)
        made.architectures = [kind]
        out[name] = json.loads(made.to_json_string())
    print(json.dumps(out))


def both(script: str, new: str, old: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configurations of both generations, by their Pythons."""
    first, second = (
        json.loads(subprocess.check_output([python, script, "--configs"])) for python in (new, old)
    )
    return first, second


def weights_of(name: str, shape: list[int]) -> Any:
    """As `weights` in crate/tests/made/mod.rs: large, so that what is read counts."""
    import numpy as np

    fan = math.prod(shape[1:]) if len(shape) > 1 else 0
    scale = np.float32(2 * math.sqrt(3 / fan)) if fan else np.float32(0.3)
    values = noise(math.prod(shape), name, scale)
    if name.endswith("running_var"):
        values = np.abs(values) + np.float32(0.5)
    if len(shape) == 1 and name.endswith(".weight"):
        values = values + np.float32(1)
    return values.reshape(shape)


def model_of(kind: str, config_kind: str, config: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A model, and its tensors' shapes by the names that its file has for them."""
    import torch
    import transformers
    from safetensors import safe_open
    from safetensors.torch import save_file

    made = getattr(transformers, config_kind)(**config)
    made._attn_implementation = "eager"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        getattr(transformers, kind)(made).save_pretrained(folder)
        with safe_open(path, "pt") as file:
            shapes = {each: list(file.get_slice(each).get_shape()) for each in file.keys()}  # noqa: SIM118
        values = {n: torch.from_numpy(weights_of(n, s)) for n, s in shapes.items()}
        save_file(values, path, metadata={"format": "pt"})
        model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager")
    return model.float().eval(), shapes
