"""Answers are the words of a stranger: any of them is understood or refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemesh_sandbox.answer import Answer, BadAnswer
from edgemesh_sandbox.memory import GuestMemory, OutOfBounds

SIZE = 64


class Memory:
    """64 bytes that behave as a guest's memory."""

    def __init__(self) -> None:
        self._bytes = bytearray(range(SIZE))

    def view(self, address: int, length: int) -> memoryview:
        if address < 0 or length < 0 or address + length > SIZE:
            raise OutOfBounds(f"{length} bytes at {address}")
        return memoryview(self._bytes)[address : address + length]


def answer(value: object) -> Answer:
    return Answer(memoryview(json.dumps(value).encode()))


def tensors(answered: Answer) -> Any:
    memory = cast(GuestMemory, Memory())
    return answered.tensors(memory, lambda n: memoryview(bytearray(n)))


TENSOR: dict[str, Any] = {
    "name": "x",
    "dtype": "int16",
    "shape": [2],
    "media_type": "",
    "address": 4,
    "nbytes": 4,
}


def test_a_tensor_is_copied_out() -> None:
    (tensor,) = tensors(answer({"tensors": [TENSOR]})).values()
    assert (tensor.dtype, tensor.shape, bytes(tensor.data)) == ("int16", (2,), b"\4\5\6\7")


@pytest.mark.parametrize(
    "change",
    [
        {"address": SIZE - 3},
        {"address": -4},
        {"address": 2**40},
        {"address": None},
        {"address": 1.5},
        {"nbytes": 5},
        {"nbytes": -4},
        {"nbytes": "4"},
        {"shape": [3]},
        {"shape": [-2]},
        {"shape": [2**40, 2**40]},
        {"shape": [True, 2]},
        {"shape": "2"},
        {"shape": [1] * 33},
        {"dtype": "object"},
        {"dtype": []},
        {"name": ""},
        {"name": "\n"},
        {"name": "x" * 256},
        {"name": 3},
        {"media_type": None},
        {"media_type": "x" * 256},
    ],
)
def test_a_tensor_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        tensors(answer({"tensors": [{**TENSOR, **change}]}))


@pytest.mark.parametrize("value", [None, {}, "x", [1], [TENSOR] * 1025])
def test_tensors_that_are_no_list_are_refused(value: Any) -> None:
    with pytest.raises(BadAnswer):
        tensors(answer({"tensors": value}))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"nonsense", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"1" * 5000]
)
def test_an_answer_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(BadAnswer):
        Answer(memoryview(text))


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "[", "[" * 100_000, "9" * 5000, 3])
def test_a_result_that_is_no_json_is_refused(text: Any) -> None:
    with pytest.raises(BadAnswer):
        answer({"result": text}).result()


def test_texts_are_bounded_and_have_no_surrogates() -> None:
    words = answer({"type": "T" * 5000, "message": "a\ud800b", "traceback": None})
    assert words.text("type") == "T" * 1024
    assert words.text("message") == "a?b"
    with pytest.raises(BadAnswer):
        words.text("traceback")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["ok", "exit", "exception", "int8", "x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*TENSOR, "outcome", "tensors", "result"]), inner),
    max_leaves=10,
)  # fmt: skip


@given(ANYTHING)
def test_any_answer_is_read_or_refused(value: object) -> None:
    for read in (
        lambda a: a.outcome,
        lambda a: a.exit_code,
        lambda a: a.out_of_memory,
        lambda a: a.text("message"),
        lambda a: a.result(),
        tensors,
    ):
        with contextlib.suppress(BadAnswer):
            read(answer(value))
