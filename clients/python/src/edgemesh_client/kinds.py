"""What the mesh tells of what it has: algorithms, environments, sessions, keys, models."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgemesh.compute.v1 import (
    algorithm_pb2,
    environment_pb2,
    key_pb2,
    model_pb2,
    session_pb2,
    tensor_pb2,
)

from edgemesh_client.moment import moment


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What an input or an output must be."""

    name: str
    dtypes: tuple[str, ...]
    """Element types that are taken; empty: any."""
    shape: tuple[int, ...] | None
    """None: any number of dimensions; -1: any length."""
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm that can be called."""

    name: str
    version: str
    description: str
    executor: str
    parameters: Mapping[str, Any]
    """JSON Schema; empty: none are taken."""
    result: Mapping[str, Any]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    streams: bool
    idempotent: bool
    default: bool
    """Whether its name alone means this version."""
    registered: bool
    capabilities: tuple[str, ...]

    @classmethod
    def read(cls, offered: algorithm_pb2.OfferedAlgorithm) -> Algorithm:
        """Of the contract's message."""
        told = offered.algorithm
        return cls(
            name=told.name,
            version=told.version,
            description=told.description,
            executor=offered.executor,
            parameters=json.loads(told.parameters_schema or "{}"),
            result=json.loads(told.result_schema or "{}"),
            inputs=tuple(map(_spec, told.inputs)),
            outputs=tuple(map(_spec, told.outputs)),
            streams=told.streams,
            idempotent=told.idempotent,
            default=offered.default_version,
            registered=offered.HasField("registration"),
            capabilities=tuple(told.capabilities),
        )


def _spec(spec: algorithm_pb2.TensorSpec) -> TensorSpec:
    names = [tensor_pb2.DataType.Name(dtype) for dtype in spec.dtypes]
    dtypes = tuple(name.removeprefix("DATA_TYPE_").lower() for name in names)
    shape = None if spec.any_rank else tuple(spec.shape)
    return TensorSpec(spec.name, dtypes, shape, spec.required, spec.description)


@dataclass(frozen=True, slots=True)
class Environment:
    """Packages beside those that the sandbox has."""

    id: str
    dependencies: tuple[str, ...]
    packages: Mapping[str, str]
    """Name → version."""
    from_image: Mapping[str, str]
    lock: str
    bytes: int
    created: dt.datetime

    @classmethod
    def read(cls, told: environment_pb2.Environment) -> Environment:
        """Of the contract's message."""
        return cls(
            told.id,
            tuple(told.dependencies),
            {each.name: each.version for each in told.packages},
            {each.name: each.version for each in told.from_image},
            told.lock,
            told.bytes,
            moment(told.created_ms),
        )


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session, as it is now."""

    name: str
    calls: int
    undoable: int
    stored_bytes: int
    created: dt.datetime
    used: dt.datetime
    expires: dt.datetime | None
    deterministic: bool
    environment: str

    @classmethod
    def read(cls, told: session_pb2.Session) -> SessionInfo:
        """Of the contract's message."""
        return cls(
            told.session_id,
            told.calls,
            told.undoable,
            told.stored_bytes,
            moment(told.created_ms),
            moment(told.used_ms),
            moment(told.expires_ms) if told.expires_ms else None,
            told.deterministic,
            told.environment,
        )


@dataclass(frozen=True, slots=True)
class Variable:
    """A name that a session has."""

    name: str
    type: str
    size_bytes: int
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def read(cls, told: session_pb2.Variable) -> Variable:
        """Of the contract's message."""
        return cls(told.name, told.type, told.size_bytes, tuple(told.shape), told.dtype)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of an API key."""

    prefix: str
    tenant: str
    note: str
    scopes: tuple[str, ...]
    created: dt.datetime
    expires: dt.datetime | None
    revoked: dt.datetime | None

    @classmethod
    def read(cls, told: key_pb2.Key) -> Key:
        """Of the contract's message."""
        return cls(
            told.prefix,
            told.tenant,
            told.note,
            tuple(told.scopes),
            moment(told.created_ms),
            moment(told.expires_ms) if told.expires_ms else None,
            moment(told.revoked_ms) if told.revoked_ms else None,
        )


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model that an executor serves."""

    name: str
    version: str
    task: str
    family: str
    licence: str
    description: str
    memory_bytes: int
    """What it is counted with when it is loaded."""
    loaded: bool
    stable: bool
    """Whether its name stands for this version."""
    kept: bool
    """Whether it is never unloaded."""
    algorithms: tuple[str, ...]

    @classmethod
    def read(cls, told: model_pb2.Model) -> Model:
        """Of the contract's message."""
        return cls(
            told.name,
            told.version,
            told.task,
            told.family,
            told.licence,
            told.description,
            told.memory_bytes,
            told.loaded,
            told.stable,
            told.kept,
            tuple(told.algorithms),
        )
