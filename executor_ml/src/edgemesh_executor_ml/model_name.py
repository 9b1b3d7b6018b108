"""The parameter `model` of a request, read without reading all of a large one twice."""

from __future__ import annotations

import json

from mesh_service import errors, wire


def model_name(parameters: str) -> str | None:
    """What valid parameters (JSON text) say; None: nothing."""
    if "model" not in parameters and "\\" not in parameters:
        return None
    return json.loads(parameters).get("model")


def asked_model(raw: bytes) -> str:
    """What a request that may be wrong elsewhere says; empty: nothing that could be one."""
    try:
        model = json.loads(wire.detach(raw)[0].parameters or "{}").get("model")
    except (errors.MeshError, ValueError, RecursionError, AttributeError):
        return ""
    return model if isinstance(model, str) else ""
