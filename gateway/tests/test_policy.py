"""Which policies are read, which are refused, and in which line."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemesh_gateway.command import main
from edgemesh_gateway.identity.caller import ALL, Caller, bounded, is_scope
from edgemesh_gateway.policy import BadPolicy, Policy, Rules, parse, read_policy
from edgemesh_gateway.settings import GatewaySettings
from mesh_service.settings import SettingsError

GOOD = """
[default]
scopes = ["cpp.*"]
rate = "5/minute"

[tenants.physics]
rate = "100/10 seconds"   # a tenant's own goes before the default
concurrency = 16
compute_seconds_per_day = 1.5
classes = ["batch", "interactive"]
weight = 2

[algorithms."cpp.svd"]
max_concurrency = 4

[tenants."a.b"]
scopes = []
"""


def test_a_tenant_has_what_it_says_and_then_the_default() -> None:
    policy = parse(GOOD)
    physics = policy.of("physics")
    assert (physics.scopes, physics.rate) == (("cpp.*",), "100/10 seconds")
    assert physics.class_bits == 0b1100
    assert (physics.weight, policy.of("a.b").weight) == (2.0, 1.0)
    assert policy.most_running == {"cpp.svd": 4}
    assert not physics.allows(1)
    assert policy.of("a.b") == Rules(scopes=(), rate="5/minute")
    assert policy.of("history") == policy.default
    assert Policy().of("history").scopes == ()
    assert parse("[tenants.a]").of("a") == Rules()


BAD: dict[str, tuple[str, list[str]]] = {
    "not TOML": ("[default]\nrate = 3 3\n", ["2: "]),
    "not closed": ("[default\n", ["1: "]),
    "other tables": ("[default]\n\n[teams.a]\n", ["3: teams: only [default] and"]),
    "no tables": ("tenants = 3\n", ["1: tenants: tables"]),
    "no table": ("[tenants]\na = 3\n", ["2: tenants.a: a table"]),
    "no tenant's name": ('[tenants."a b"]\n', ["1: tenants.a b: a tenant's name"]),
    "no rule": (
        "[tenants.a]\n\nrat = 3\n",
        ["3: tenants.a.rat: no such rule; one of scopes, rate"],
    ),
    "no rate": ('[default]\nrate = "often"\n', ["2: default.rate: calls in a time"]),
    "no scope": (
        '[tenants.a]\nscopes = [\n  "cpp.*",\n  "c*p",\n]\n',
        ["2: tenants.a.scopes: a scope"],
    ),
    "no number": ('[tenants.a]\nconcurrency = "2"\n', ["2: tenants.a.concurrency: "]),
    "none at once": ("[tenants.a]\nconcurrency = 0\n", ["2: tenants.a.concurrency: "]),
    "no end": ("[tenants.a]\ncompute_seconds_per_day = inf\n", ["2: tenants.a.compute_"]),
    "no class": ('[tenants.a]\nclasses = ["rush"]\n', ["2: tenants.a.classes: "]),
    "no weight": ('[tenants.a]\nweight = "heavy"\n', ["2: tenants.a.weight: "]),
    "no weight at all": ("[default]\nweight = 0\n", ["2: default.weight: "]),
    "endless weight": ("[default]\nweight = inf\n", ["2: default.weight: "]),
    "a name without quotes": (
        "[default]\n[algorithms.cpp.svd]\nmax_concurrency = 1\n",
        ["2: algorithms.cpp: an algorithm's name in quotes"],
    ),
    "a version": (
        '[algorithms."cpp.svd@2"]\nmax_concurrency = 1\n',
        ["1: algorithms.cpp.svd@2: an algorithm's name in quotes, without a version"],
    ),
    "no limit": (
        '[algorithms."cpp.svd"]\n\n[algorithms."cpp.fft"]\nmax_concurrency = 0\nqueue = 1\n',
        [
            "1: algorithms.cpp.svd.max_concurrency: Field required",
            "4: algorithms.cpp.fft.max_concurrency: ",
            "5: algorithms.cpp.fft.queue: no such rule; one of max_concurrency",
        ],
    ),
    "dotted keys": ("tenants.a.rate = 3\ntenants.b.rate = 4\n", ["1: tenants.a", "2: tenants.b"]),
    "inline tables": ("[tenants]\nb = {}\na = { rate = 3 }\n", ["3: tenants.a.rate: "]),
    "several": (
        "[default]\nrate = 1\n[tenants.a]\nconcurrency = -1\nmore = 1\n",
        ["2: default.rate", "4: tenants.a.concurrency", "5: tenants.a.more"],
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, expected = BAD[what]
    path = tmp_path / "policy.toml"
    path.write_text(content)
    with pytest.raises(BadPolicy) as refusal:
        read_policy(path)
    lines = str(refusal.value).splitlines()
    assert len(lines) == len(expected)
    for line, begin in zip(lines, expected, strict=True):
        assert line.startswith(f"{path}:{begin}")
    with pytest.raises(SettingsError, match=r"EDGEMESH_GATEWAY_POLICY"):
        GatewaySettings(policy=path).check()
    assert main(["policy", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == lines


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match="No such file"):
        read_policy(tmp_path / "absent.toml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(BadPolicy):
        read_policy(tmp_path / "binary")


@pytest.mark.parametrize(
    ("pattern", "scope", "has"),
    [
        ("*", "cpp.fft", True),
        ("*", "algorithms:write", True),
        ("*", "admin", False),
        ("adm*", "admin", False),
        ("admin", "admin", True),
        ("cpp.*", "cpp.fft", True),
        ("cpp.*", "cppx.fft", False),
        ("cpp.fft", "cpp.fft2", False),
        ("capability:call:cpp.*", "capability:call:cpp.fft", True),
        ("capability:call:cpp.*", "capability:call:*", False),
        ("capability:*", "capability:call:*", True),
    ],
)
def test_what_a_scope_has(pattern: str, scope: str, has: bool) -> None:
    assert Caller("t", "", ((pattern,),)).has(scope) is has


def test_every_list_must_have_it() -> None:
    caller = Caller("t", "", bounded(["cpp.*", "python.run"], ["python.*"]))
    assert caller.may_run("python.run@1.2")
    assert not caller.may_run("cpp.fft")
    assert not caller.may_run("python.call")
    assert bounded(None, None) == (ALL,)
    assert bounded([], None) == ((),)


@pytest.mark.parametrize("text", ["", "a b", "c*p", "**", "é", "x" * 256])
def test_what_is_no_scope(text: str) -> None:
    assert not is_scope(text)
