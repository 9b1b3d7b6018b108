"""Tensors of the Open Inference Protocol's JSON and of the bytes behind it.

Rules: whatever a tensor came as, it goes on as raw contents; an output is JSON unless it was asked
for as bytes. JSON has no NaN and no infinity: they are texts, as elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from edgemesh.compute.v1 import tensor_pb2
from edgemesh.inference import open_inference_grpc_pb2 as pb
from pydantic import Field

from edgemesh_gateway.inference import datatypes
from edgemesh_gateway.inference.datatypes import wrong
from edgemesh_gateway.rest import answers, arrays, asking, models
from edgemesh_gateway.rest.models import Strict
from mesh_service.errors import InvalidRequest, Violation
from mesh_service.tensors import dtype_name

_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"


class Input(Strict):
    """A tensor that comes."""

    name: str
    datatype: str
    shape: list[models.U64]
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
    data: Any = None


class Output(Strict):
    """A tensor that is wanted."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])


class InferBody(Strict):
    """An inference."""

    id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
    inputs: list[Input] = Field(default_factory=list[Input])
    outputs: list[Output] = Field(default_factory=list[Output])


@dataclass
class Asked:
    """An inference and how its outputs are wanted."""

    message: pb.ModelInferRequest
    binary: bool = False
    """All of them as bytes."""
    binaries: set[str] = field(default_factory=set[str])
    """These as bytes."""


def request(model: str, version: str, fields: dict[str, Any], rest: bytes) -> Asked:
    """The message of a body. Raises InvalidRequest, InvalidTensor."""
    read = models.read(InferBody, fields)
    asked = Asked(
        asking.build(pb.ModelInferRequest, model_name=model, model_version=version, id=read.id)
    )
    asked.binary = read.parameters.pop(_ALL_BINARY, False) is True
    _put("parameters", asked.message.parameters, read.parameters)
    at = 0
    for each in read.inputs:
        where = f"inputs.{each.name[:128]}"
        made = asked.message.inputs.add(name=each.name, datatype=each.datatype, shape=each.shape)
        size = each.parameters.pop(_SIZE, None)
        _put(where, made.parameters, each.parameters)
        if size is None:
            asked.message.raw_input_contents.append(_raw(where, each))
            continue
        if type(size) is not int or not 0 <= size <= len(rest) - at or each.data is not None:
            raise wrong(f"{where}.{_SIZE}", "bytes that follow the JSON, instead of data")
        asked.message.raw_input_contents.append(rest[at : at + size])
        at += size
    if at != len(rest):
        raise InvalidRequest([Violation("request", f"{at} bytes of tensors, not {len(rest)}")])
    for output in read.outputs:
        if output.parameters.pop(_BINARY, False) is True:
            asked.binaries.add(output.name)
        made_output = asked.message.outputs.add(name=output.name)
        _put(f"outputs.{output.name[:128]}", made_output.parameters, output.parameters)
    return asked


def response(answer: pb.ModelInferResponse, asked: Asked) -> tuple[bytes, list[bytes]]:
    """The JSON of an answer, and tensors that follow it."""
    tail: list[bytes] = []
    outputs: list[dict[str, Any]] = []
    for each, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        told: dict[str, Any] = {
            "name": each.name,
            "datatype": each.datatype,
            "shape": list(each.shape),
        }
        if asked.binary or each.name in asked.binaries:
            told["parameters"] = {_SIZE: len(raw)}
            tail.append(raw)
        else:
            told["data"] = _data(each.datatype, list(each.shape), raw)
        outputs.append(told)
    told = {"model_name": answer.model_name, "model_version": answer.model_version}
    if answer.id:
        told["id"] = answer.id
    if answer.parameters:
        told["parameters"] = {n: each.string_param for n, each in answer.parameters.items()}
    return answers.dumps({**told, "outputs": outputs}), tail


def _raw(where: str, given: Input) -> bytes:
    """The data of a tensor that came as JSON. Raises InvalidTensor."""
    if given.datatype not in datatypes.BY_NAME:
        raise wrong(f"{where}.datatype", f"one of {', '.join(datatypes.BY_NAME)}")
    if given.datatype == datatypes.BYTES:
        return datatypes.pack(_texts(where, given.data))
    dtype = dtype_name(datatypes.BY_NAME[given.datatype])
    value = {"dtype": dtype, "shape": given.shape, "data": given.data}
    return arrays.parse(where, value).data


def _texts(where: str, data: Any) -> list[bytes]:
    if isinstance(data, str):
        try:
            return [data.encode()]
        except UnicodeEncodeError:
            raise wrong(f"{where}.data", "text in UTF-8") from None
    if not isinstance(data, list):
        raise wrong(f"{where}.data", "a list of texts")
    found: list[bytes] = []
    for each in cast(list[Any], data):
        found += _texts(where, each)
    return found


def _data(datatype: str, shape: list[int], raw: bytes) -> Any:
    if datatype == datatypes.BYTES:
        elements = datatypes.unpack("outputs", raw, shape)
        return [each.decode(errors="replace") for each in elements]
    tensor = tensor_pb2.Tensor(dtype=datatypes.BY_NAME[datatype], data=raw)
    tensor.shape.append(arrays.length(tensor))
    return arrays.render(tensor, "json")["data"]


def _put(where: str, into: Any, given: Mapping[str, Any]) -> None:
    kinds: dict[type, Literal["bool_param", "int64_param", "double_param", "string_param"]] = {
        bool: "bool_param",
        int: "int64_param",
        float: "double_param",
        str: "string_param",
    }
    for name, value in given.items():
        kind = next((known for each, known in kinds.items() if type(value) is each), None)
        try:
            if kind is None:
                # Lists and objects: as a text of JSON, which the service reads.
                into[name].string_param = json.dumps(value)
            else:
                setattr(into[name], kind, value)
        except ValueError:
            raise InvalidRequest([Violation(f"{where}.{name[:128]}", "64 bits, UTF-8")]) from None
