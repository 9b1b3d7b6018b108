"""What plugins say of themselves, as the contract's messages. A plugin's JSON is not trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2


class BadDescription(Exception):
    """A plugin's description is not what edgemesh_plugin.h asks for."""


def algorithms(text: str) -> list[algorithm_pb2.Algorithm]:
    """The algorithms of a description. Raises BadDescription."""
    try:
        described = json.loads(text)["algorithms"]
        return [_algorithm(one) for one in described]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise BadDescription(f"{type(error).__name__}: {error}") from error


def _algorithm(one: Mapping[str, Any]) -> algorithm_pb2.Algorithm:
    return algorithm_pb2.Algorithm(
        name=one["name"],
        version=one["version"],
        description=one.get("description", ""),
        parameters_schema=_schema(one.get("parameters_schema")),
        result_schema=_schema(one.get("result_schema")),
        inputs=_specs(one.get("inputs", ())),
        outputs=_specs(one.get("outputs", ())),
        streams=one.get("streams", False),
        idempotent=one.get("idempotent", False),
        default_run_time_ms=one.get("default_run_time_ms", 0),
    )


def _schema(schema: Mapping[str, Any] | None) -> str:
    return "" if schema is None else json.dumps(schema)


def _specs(specs: Sequence[Mapping[str, Any]]) -> list[algorithm_pb2.TensorSpec]:
    return [
        algorithm_pb2.TensorSpec(
            name=spec["name"],
            dtypes=[_dtype(name) for name in spec.get("dtypes", ())],
            shape=spec.get("shape", ()),
            any_rank=spec.get("any_rank", False),
            required=spec.get("required", True),
            allow_empty=spec.get("allow_empty", False),
            description=spec.get("description", ""),
        )
        for spec in specs
    ]


def _dtype(name: str) -> tensor_pb2.DataType.ValueType:
    return tensor_pb2.DataType.Value(f"DATA_TYPE_{name.upper()}")
