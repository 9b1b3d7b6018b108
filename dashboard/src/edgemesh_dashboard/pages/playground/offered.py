"""Whether an algorithm is there, and which models it takes."""

from __future__ import annotations

from typing import Any, cast

from edgemesh_client import Algorithm, NotFound
from edgemesh_dashboard.visitors import Visitor


async def find(visitor: Visitor, name: str) -> Algorithm | None:
    """The algorithm; None where nobody offers it. Raises MeshError."""
    try:
        return await visitor.client.algorithm(name)
    except NotFound:
        return None


def models_of(algorithm: Algorithm) -> list[str]:
    """The models that its parameter `model` takes, the default first."""
    properties = cast("dict[str, Any]", algorithm.parameters.get("properties", {}))
    named = cast("dict[str, Any]", properties.get("model", {})).get("enum", ())
    return [str(each) for each in cast("list[Any]", named)]
