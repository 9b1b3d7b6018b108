"""The parameter `model` of a request, read without reading all of a large one twice."""

from __future__ import annotations

import json


def model_name(parameters: str) -> str | None:
    """What valid parameters (JSON text) say; None: nothing."""
    if "model" not in parameters and "\\" not in parameters:
        return None
    return json.loads(parameters).get("model")
