"""A specification: what it refuses, what it fills in, what survives a label."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemesh_containers.errors import BadSpec
from edgemesh_containers.spec import MIB, Spec

make: Callable[..., Spec] = Spec
WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Any that can be."""
    names = st.text(string.ascii_uppercase, min_size=1, max_size=6).map("EDGEMESH_X{}".format)
    return Spec(
        executor=draw(st.sampled_from(["cpp", "ml", "pywasm"])),
        tenant=draw(st.from_regex(r"([a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?)?", fullmatch=True)),
        image=draw(WORDS),
        runtime=draw(WORDS),
        gateway=draw(st.sampled_from(["", "gateway-1"])),
        port=draw(st.integers(1, 65535)),
        publish=draw(st.sampled_from(["", "127.0.0.1:50100", "[::1]:50100"])),
        memory_bytes=draw(st.integers(6 * MIB, 1 << 50)),
        cpus=draw(st.floats(0.01, 64)),
        pids=draw(st.integers(1, 1 << 20)),
        shm_bytes=draw(st.integers(MIB, 1 << 40)),
        tmp_bytes=draw(st.integers(MIB, 1 << 40)),
        secrets=draw(st.sampled_from(["edgemesh_secrets", "/srv/secrets"])),
        mounts=draw(st.dictionaries(WORDS.map("/data/{}".format), WORDS, max_size=3)),
        environment=draw(st.dictionaries(names, WORDS, max_size=3)),
    )


@given(specs())
def test_comes_back_from_a_label_as_it_was(spec: Spec) -> None:
    assert Spec.from_json(spec.to_json()) == spec
    assert spec.differs(Spec.from_json(spec.to_json())) == []


def test_another_version_may_know_other_fields() -> None:
    said = json.loads(Spec(executor="cpp").to_json())
    del said["shm_bytes"]
    assert Spec.from_json(json.dumps(said | {"colour": "red"})) == Spec(executor="cpp")


@pytest.mark.parametrize("text", ["", "[]", "{", '"cpp"', "{}", '{"executor": 1}'])
def test_what_is_no_specification_says_so(text: str) -> None:
    with pytest.raises(BadSpec, match="label"):
        Spec.from_json(text)


def test_what_is_not_said_is_filled_in() -> None:
    spec = Spec(executor="pywasm")
    assert (spec.image, spec.port, spec.pids) == ("edgemesh-pywasm:latest", 50063, 512)


def test_addresses_are_known_beforehand() -> None:
    assert Spec(executor="cpp").address(2) == "cpp-2:50061"
    assert Spec(executor="cpp", tenant="acme").address(1) == "cpp-acme-1:50061"
    assert Spec(executor="cpp", publish="127.0.0.1:50100").address(3) == "127.0.0.1:50102"
    assert Spec(executor="cpp", publish="[::1]:50100").address(1) == "[::1]:50100"
    assert Spec(executor="cpp", publish="[::1]:50100").published(2) == ("::1", 50101)


def test_two_of_a_replica_at_once_are_a_matter_of_state_and_ports() -> None:
    assert Spec(executor="pywasm").alone
    assert not Spec(executor="cpp").alone
    assert Spec(executor="cpp", publish="127.0.0.1:50100").alone
    assert Spec(executor="mine", port=50064).alone, "nobody knows"


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("executor", {"executor": "Cpp"}),
        ("executor", {"executor": "../cpp"}),
        ("port", {"executor": "mine"}),
        ("port", {"port": 70000}),
        ("tenant", {"tenant": "Acme"}),
        ("tenant", {"tenant": "-a"}),
        ("tenant", {"tenant": "a" * 40}),
        ("image", {"image": "two words"}),
        ("image", {"image": "--privileged"}),
        ("runtime", {"runtime": ""}),
        ("memory_bytes", {"memory_bytes": 1024}),
        ("cpus", {"cpus": 0}),
        ("pids", {"pids": -1}),
        ("shm_bytes", {"shm_bytes": 0}),
        ("tmp_bytes", {"tmp_bytes": 0}),
        ("secrets", {"secrets": ""}),
        ("secrets", {"secrets": "relative/path"}),
        ("mounts", {"mounts": {"plugins": "plugins"}}),
        ("mounts", {"mounts": {"/": "plugins"}}),
        ("mounts", {"mounts": {"/etc/edgemesh": "plugins"}}),
        ("mounts", {"mounts": {"/tmp/": "plugins"}}),
        ("mounts", {"mounts": {"/data/../etc/edgemesh": "plugins"}}),
        ("mounts", {"mounts": {"/plugins": "a:b"}}),
        ("environment", {"environment": {"lower": "x"}}),
        ("environment", {"environment": {"EDGEMESH_CPP_SECRET": "x"}}),
        ("environment", {"environment": {"EDGEMESH_PYWASM_SESSION_KEY": "x"}}),
        ("publish", {"publish": "50100"}),
        ("publish", {"publish": "localhost:50100"}),
        ("publish", {"publish": "127.0.0.1:0"}),
        ("publish", {"publish": "127.0.0.1:65530"}),
    ],
)
def test_refuses_and_names_the_field(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadSpec) as refused:
        make(**({"executor": "cpp"} | fields))
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")
