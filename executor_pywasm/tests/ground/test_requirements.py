from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemesh_executor_pywasm.ground.requirements import Lock, Locked, check, locked, parse
from mesh_service.errors import InvalidRequest

DIGEST = "0" * 64
PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "numpy"
version = "2.5.2"
wheels = [{{ url = "file:///x/numpy-2.5.2-py3-none-any.whl", hashes = {{ sha256 = "{0}" }} }}]
[[packages]]
name = "leaf"
version = "1.0"
wheels = [{{ url = "https://f.test/leaf-1.0-{1}.whl", size = 9, hashes = {{ sha256 = "{0}" }} }}]
"""


@pytest.mark.parametrize(
    "text",
    [
        "leaf @ https://x.test/leaf.whl",
        "git+https://x.test/leaf",
        "https://x.test/leaf.whl",
        "./leaf",
        "-r other.txt",
        "--index-url=https://x.test",
        "leaf\n--index-url https://x.test",
        "leaf; import os",
        "",
        "leaf ==",
    ],
)
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check([text], None)
    assert [each.field for each in caught.value.violations] == ["dependencies[0]"]


def test_a_capability_is_no_package() -> None:
    with pytest.raises(InvalidRequest, match="capability"):
        check(["Candle>=1"], None)


def test_the_operators_list_holds_for_what_is_asked_for_and_what_follows() -> None:
    assert check(["Leaf.Name>=1"], ["leaf-name"]) == ["Leaf.Name>=1"]
    with pytest.raises(InvalidRequest, match="operator's list"):
        check(["other"], ["leaf"])
    with pytest.raises(InvalidRequest, match="not leaf: it is not on the operator's list"):
        locked(PYLOCK.format(DIGEST, "py3-none-any"), {"numpy": "2.5.2"}, ["stem"])


def test_a_lock_has_wheels_and_what_the_image_supplies_is_told_apart() -> None:
    lock, supplied = locked(PYLOCK.format(DIGEST, "py3-none-any"), {"numpy": "2.5.2"}, None)
    assert lock.text == f"leaf==1.0 --hash=sha256:{DIGEST}\n"
    assert (lock.wheels[0].nbytes, supplied) == (9, {"numpy": "2.5.2"})


def test_native_code_is_refused_by_name_with_what_there_is_instead() -> None:
    with pytest.raises(InvalidRequest) as caught:
        locked(PYLOCK.format(DIGEST, "cp315-cp315-linux_x86_64"), {"numpy": "2.5.2"}, None)
    said = caught.value.violations[0].expected
    assert said.startswith("leaf 1.0 has native code")
    assert "numpy 2.5.2" in said


names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.lists(st.tuples(names, versions, digests), max_size=5))
def test_a_lock_is_read_as_it_was_written(wheels: list[tuple[str, str, str]]) -> None:
    lock = Lock(tuple(Locked(*each) for each in wheels))
    assert parse(lock.text) == lock
    assert lock.text


@given(st.text(max_size=200))
def test_any_other_text_is_refused_or_read_exactly(text: str) -> None:
    with contextlib.suppress(InvalidRequest):
        assert parse(text).text == text
