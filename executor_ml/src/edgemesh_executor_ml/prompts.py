"""What is put before texts: an embedder's prompts, as sentence-transformers keeps them.

Rules: `prompt` is taken as it is, `prompt_name` is one of the model's; without either its default
is, if it has one. A prompt counts as part of the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from edgemesh_executor_ml.manifest import Unusable
from mesh_service.executor import InvalidInput

FILE_NAME = "config_sentence_transformers.json"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of one model."""

    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    default: str = ""
    """The text of the one that is used unasked."""

    def of(self, parameters: Mapping[str, Any]) -> str:
        """What a call wants before its texts. Raises InvalidInput."""
        name: str | None = parameters.get("prompt_name")
        if name is None:
            return parameters.get("prompt", self.default)
        if "prompt" in parameters:
            raise InvalidInput({"parameters.prompt": "absent where prompt_name is given"})
        if name not in self.texts:
            known = ", ".join(sorted(self.texts)) or "it has none"
            raise InvalidInput({"parameters.prompt_name": f"one of the model's: {known[:512]}"})
        return self.texts[name]


def read(folder: Path) -> Prompts:
    """A model's prompts. Raises Unusable."""
    path = folder / FILE_NAME
    if not path.is_file():
        return Prompts()
    try:
        with path.open("rb") as file:
            table = json.loads(file.read(_MOST_BYTES))
        told = cast("dict[str, object]", table.get("prompts") or {})
        texts = {key: text for key, text in told.items() if isinstance(text, str)}
        name = table.get("default_prompt_name")
        if len(texts) != len(told):
            raise Unusable(f"{FILE_NAME}: prompts are not all texts")
        return Prompts(texts, "" if name is None else texts[name])
    except (AttributeError, ValueError, RecursionError) as error:
        raise Unusable(f"{FILE_NAME}: {error}") from error
    except (KeyError, TypeError):
        raise Unusable(f"{FILE_NAME}: default_prompt_name is none of its prompts") from None
