"""What came of a request, and what a model is, as the protocol tells it.

Rules: an algorithm's JSON result is one more output, `result`, of BYTES; what was printed are the
response's parameters `stdout` and `stderr`; a complex output has a last dimension of two. The
protocol has no results that are failures, so these are errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from edgemesh.inference import open_inference_grpc_pb2 as pb

from edgemesh_gateway import passing
from edgemesh_gateway.inference import datatypes, parameters
from mesh_service.errors import InvalidRequest, Violation, WorkFailed

RESULT = "result"


def infer(request: pb.ModelInferRequest, raw: bytes) -> pb.ModelInferResponse:
    """The answer. Raises WorkFailed, InvalidRequest."""
    answer = passing.read(compute_pb2.ComputeResponse, raw, "of the algorithm")
    if answer.outcome != compute_pb2.OUTCOME_OK:
        outcome = compute_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_")
        raise WorkFailed(outcome, answer.failure.type, answer.failure.message)
    name, _, version = answer.algorithm.partition("@")
    made = pb.ModelInferResponse(
        model_name=name or request.model_name, model_version=version, id=request.id
    )
    for stream in ("stdout", "stderr"):
        if text := getattr(answer, stream):
            made.parameters[stream].string_param = text
    found = dict(_outputs(answer))
    wanted = [each.name for each in request.outputs] or list(found)
    if missing := [name for name in wanted if name not in found]:
        expected = f"one of {', '.join(found)}" if found else "absent: there are no outputs"
        raise InvalidRequest([Violation(f"outputs.{missing[0][:128]}", expected[:256])])
    for name in wanted:
        datatype, shape, content = found[name]
        made.outputs.add(name=name, datatype=datatype, shape=shape)
        made.raw_output_contents.append(content)
    return made


def metadata(offered: algorithm_pb2.OfferedAlgorithm) -> pb.ModelMetadataResponse:
    """What a model takes and gives."""
    algorithm = offered.algorithm
    made = pb.ModelMetadataResponse(
        name=algorithm.name, versions=[algorithm.version], platform=f"edgemesh_{offered.executor}"
    )
    for spec in algorithm.inputs:
        made.inputs.append(_spec(spec))
    schema: dict[str, Any] = json.loads(algorithm.parameters_schema or "{}")
    required: list[str] = schema.get("required", [])
    for name, each in schema.get("properties", {}).items():
        if name in required and (parameters.takes_text(each) or parameters.takes_texts(each)):
            shape = [-1] if parameters.takes_texts(each) else [1]
            made.inputs.add(name=name, datatype=datatypes.BYTES, shape=shape)
    for spec in algorithm.outputs:
        made.outputs.append(_spec(spec))
    if algorithm.result_schema:
        made.outputs.add(name=RESULT, datatype=datatypes.BYTES, shape=[1])
    return made


def _outputs(answer: compute_pb2.ComputeResponse) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name in sorted(answer.outputs):
        tensor = answer.outputs[name]
        shape = list(tensor.shape)
        if tensor.dtype == tensor_pb2.DATA_TYPE_BYTES:
            yield name, (datatypes.BYTES, [1], datatypes.pack([tensor.data]))
            continue
        if tensor.dtype in datatypes.PARTS:
            shape.append(2)
        yield name, (datatypes.name_of(tensor.dtype), shape, tensor.data)
    if answer.result and RESULT not in answer.outputs:
        yield RESULT, (datatypes.BYTES, [1], datatypes.pack([answer.result.encode()]))


def _spec(spec: algorithm_pb2.TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    dtype = spec.dtypes[0] if spec.dtypes else tensor_pb2.DATA_TYPE_FLOAT64
    shape = [-1] if spec.any_rank else list(spec.shape)
    if dtype == tensor_pb2.DATA_TYPE_BYTES:
        shape = [1]
    elif dtype in datatypes.PARTS:
        shape.append(2)
    return pb.ModelMetadataResponse.TensorMetadata(
        name=spec.name, datatype=datatypes.name_of(dtype), shape=shape
    )
