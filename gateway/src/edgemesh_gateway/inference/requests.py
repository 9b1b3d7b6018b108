"""A ModelInferRequest as the ComputeRequest that a caller of ours would have sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from edgemesh.inference import open_inference_grpc_pb2 as pb

from edgemesh_gateway.inference import datatypes, parameters
from edgemesh_gateway.inference.datatypes import wrong
from mesh_service.errors import InvalidRequest, Violation
from mesh_service.stack import valid_request_id

_SHARED = "shared_memory_region"


class Given(NamedTuple):
    """One tensor as it came."""

    name: str
    datatype: str
    shape: list[int]
    raw: bytes

    @property
    def field(self) -> str:
        """Its path in errors."""
        return f"inputs.{self.name[:128]}"


def model_of(name: str, version: str) -> str:
    """An algorithm's name as callers name it."""
    return f"{name}@{version}" if version else name


def compute(
    request: pb.ModelInferRequest, algorithm: algorithm_pb2.Algorithm
) -> compute_pb2.ComputeRequest:
    """The message. Raises InvalidRequest, InvalidTensor."""
    schema: dict[str, Any] = json.loads(algorithm.parameters_schema or "{}")
    properties: dict[str, Any] = schema.get("properties", {})
    listed = {spec.name: spec for spec in algorithm.inputs}
    made = compute_pb2.ComputeRequest(
        algorithm=model_of(request.model_name, request.model_version),
        request_id=request.id if valid_request_id(request.id) else "",
    )
    values = {
        name: parameters.of_parameter(properties.get(name, {}), each)
        for name, each in request.parameters.items()
    }
    for given in _given(request):
        if given.name in listed:
            made.inputs[given.name].CopyFrom(_tensor(given, listed[given.name]))
        elif given.name in properties:
            values[given.name] = parameters.of_tensor(
                given.field, properties[given.name], given.datatype, given.shape, given.raw
            )
        elif algorithm.any_inputs:
            made.inputs[given.name].CopyFrom(_tensor(given, None))
        else:
            known = ", ".join([*listed, *properties])
            raise wrong(given.field, f"one of {known}"[:256])
    for output in request.outputs:
        if _SHARED in output.parameters:
            where = f"outputs.{output.name[:128]}.{_SHARED}"
            raise InvalidRequest([Violation(where, "absent: system shared memory is not offered")])
    if values:
        made.parameters = json.dumps(values)
    return made


def _given(request: pb.ModelInferRequest) -> Iterator[Given]:
    raws, seen = request.raw_input_contents, set[str]()
    if raws and len(raws) != len(request.inputs):
        expected = f"as many as inputs, {len(request.inputs)}, not {len(raws)}"
        raise InvalidRequest([Violation("raw_input_contents", expected)])
    for number, each in enumerate(request.inputs):
        field = f"inputs.{each.name[:128]}"
        if each.name in seen:
            raise wrong(field, "once")
        seen.add(each.name)
        if each.datatype not in datatypes.BY_NAME:
            raise wrong(f"{field}.datatype", f"one of {', '.join(datatypes.BY_NAME)}")
        if _SHARED in each.parameters:
            raise wrong(f"{field}.{_SHARED}", "absent: system shared memory is not offered")
        if any(length < 0 for length in each.shape):
            raise wrong(f"{field}.shape", "lengths of 0 or more")
        if raws and each.HasField("contents"):
            raise wrong(f"{field}.contents", "absent beside raw_input_contents")
        raw = raws[number] if raws else datatypes.raw_of(field, each.datatype, each.contents)
        yield Given(each.name, each.datatype, list(each.shape), raw)


def _tensor(given: Given, spec: algorithm_pb2.TensorSpec | None) -> tensor_pb2.Tensor:
    dtype, shape, raw = datatypes.BY_NAME[given.datatype], given.shape, given.raw
    if given.datatype == datatypes.BYTES:
        elements = datatypes.unpack(given.field, raw, shape)
        if len(elements) != 1:
            raise wrong(given.field, f"one element, all of the bytes, not {len(elements)}")
        (raw,) = elements
        shape = [len(raw)]
    elif spec is not None and spec.dtypes and all(d in datatypes.PARTS for d in spec.dtypes):
        # Nothing but complex numbers is taken: these are pairs.
        whole = next((d for d in spec.dtypes if datatypes.PARTS[d] == given.datatype), None)
        if whole is not None:
            if not shape or shape[-1] != 2:
                raise wrong(f"{given.field}.shape", "2 last: pairs, of complex numbers")
            dtype, shape = whole, shape[:-1]
    return tensor_pb2.Tensor(dtype=dtype, shape=shape, data=raw)
