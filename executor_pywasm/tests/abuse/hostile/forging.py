"""Pieces of programs that find the block where guest and host meet, and write in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FIND_BLOCK = (
    "import _reactor\n"
    "serving = _reactor._edgemesh_call.__self__\n"
    "block = serving._block.memory\n"
    "words = memoryview(block).cast('I')\n"
)


def forge(answer: str) -> str:
    """Let the runtime give this text for its answer."""
    return (
        "import _reactor\n"
        "_reactor._edgemesh_call.__func__.__globals__['dumps'] = "
        f"lambda *a, **k: {answer!r}\noutput = 1"
    )


def forge_tensor(**fields: Any) -> str:
    """Let the runtime describe a tensor that is not so."""
    tensor = {
        "name": "x", "dtype": "uint8", "shape": [8], "media_type": "",
        "address": 65536, "nbytes": 8,
    }  # fmt: skip
    return forge(json.dumps({"outcome": "ok", "tensors": [tensor | fields]}))


def place_answer(address: str, nbytes: str) -> str:
    """Let the block say that the answer lies somewhere else."""
    return (
        FIND_BLOCK + "def answer(self, *_): self._words[2], self._words[3] = "
        f"{address}, {nbytes}\ntype(serving._block).answer = answer\noutput = 1"
    )


def write_words(values: Mapping[int, int]) -> str:
    """Write words of the block: the log's length is word 1, its first record begins at word 4."""
    return FIND_BLOCK + "\n".join(f"words[{at}] = {value}" for at, value in values.items())
