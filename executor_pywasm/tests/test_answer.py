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
    """Bytes that behave as a guest's memory."""

    def __init__(self, data: bytes) -> None:
        self._bytes = bytearray(data)

    def view(self, address: int, length: int) -> memoryview:
        if address < 0 or length < 0 or address + length > len(self._bytes):
            raise OutOfBounds(f"{length} bytes at {address}")
        return memoryview(self._bytes)[address : address + length]


def answer(value: object) -> Answer:
    return Answer(memoryview(json.dumps(value).encode()))


def memory(data: bytes = bytes(range(SIZE))) -> GuestMemory:
    return cast(GuestMemory, Memory(data))


def tensors(answered: Answer) -> Any:
    return answered.tensors(memory(), lambda n: memoryview(bytearray(n)))


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


@pytest.mark.parametrize("text", [b"NaN", b"-Infinity", b"[", b"[" * 100_000, b"9" * 5000, b"\xff"])
def test_a_result_that_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer({"result": [0, len(text)]}).result(memory(text), 1 << 20)


@pytest.mark.parametrize("place", ["x", [0], [0, "1"], [0, SIZE + 1], [-1, 1], [True, 1], {}])
def test_a_result_without_a_place_is_refused(place: Any) -> None:
    with pytest.raises(BadAnswer):
        answer({"result": place}).result(memory(), 1 << 20)


def test_a_result_that_is_too_long_is_not_read() -> None:
    assert answer({"result": [0, 1 << 40]}).result(memory(), 100) == (None, 1 << 40)


def test_a_failures_texts_are_bounded_and_have_no_surrogates() -> None:
    words = {"type": "T" * 5000, "message": "a\ud800b", "notes": ["n"] * 100}
    failure = answer(words).failure()
    assert (failure.type, failure.message) == ("T" * 1024, "a?b")
    assert len(failure.notes) == 32
    with pytest.raises(BadAnswer):
        answer({**words, "traceback": None}).failure()


def test_a_group_of_exceptions_is_bounded_in_number_and_depth() -> None:
    member: dict[str, Any] = {"type": "E", "message": ""}
    assert len(answer({**member, "exceptions": [member] * 100}).failure().exceptions) == 64
    for _ in range(50):
        member = {"type": "E", "message": "", "exceptions": [member]}
    depth, failure = 0, answer(member).failure()
    while failure.exceptions:
        depth, failure = depth + 1, failure.exceptions[0]
    assert depth == 8


@pytest.mark.parametrize("keys", ["x", [1], {"a": 1}])
def test_keys_that_are_no_texts_are_refused(keys: Any) -> None:
    with pytest.raises(BadAnswer):
        _ = answer({"keys": keys}).keys


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["ok", "exit", "exception", "int8", "x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([*TENSOR, "outcome", "tensors", "result", "keys", "notes", "exceptions"]),
        inner,
    ),
    max_leaves=10,
)  # fmt: skip


@given(ANYTHING)
def test_any_answer_is_read_or_refused(value: object) -> None:
    for read in (
        lambda a: a.outcome,
        lambda a: a.exit_code,
        lambda a: a.out_of_memory,
        lambda a: a.failure(),
        lambda a: a.keys,
        lambda a: a.result(memory(), 1 << 20),
        tensors,
    ):
        with contextlib.suppress(BadAnswer):
            read(answer(value))
