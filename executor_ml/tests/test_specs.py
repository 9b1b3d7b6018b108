"""What an algorithm takes over models that differ."""

from __future__ import annotations

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_executor_ml.specs import join

FLOAT, INT = tensor_pb2.DATA_TYPE_FLOAT32, tensor_pb2.DATA_TYPE_INT64
Spec = algorithm_pb2.TensorSpec


def algorithm(*inputs: Spec) -> algorithm_pb2.Algorithm:
    return algorithm_pb2.Algorithm(name="ml.onnx", inputs=inputs)


def test_what_all_have_stays() -> None:
    one = algorithm(Spec(name="x", dtypes=[FLOAT], shape=[-1, 2], required=True))
    joined = algorithm(*one.inputs)
    join(joined, [one, one])
    assert joined == one


def test_what_some_have_is_not_required_and_what_differs_is_let_through() -> None:
    one = algorithm(
        Spec(name="x", dtypes=[FLOAT], shape=[2], required=True, description="one"),
        Spec(name="y", dtypes=[FLOAT], required=True),
    )
    other = algorithm(
        Spec(name="x", dtypes=[INT, FLOAT], shape=[3], required=True, description="other")
    )
    joined = algorithm(*one.inputs)
    join(joined, [one, other])
    x, y = joined.inputs
    assert (list(x.dtypes), x.any_rank, list(x.shape)) == ([FLOAT, INT], True, [])
    assert (x.required, x.description) == (True, "one · other")
    assert (y.name, y.required) == ("y", False)
