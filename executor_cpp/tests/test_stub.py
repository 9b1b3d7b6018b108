"""edgemesh_cpp_host.pyi says what the module has, no more and no less."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import edgemesh_cpp_host as host

STUB = ast.parse((Path(host.__file__).parent / "edgemesh_cpp_host.pyi").read_text())
PROTOCOLS = {"TensorLike"}  # for type checkers only


def members(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a body declares, by name."""
    declared: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            declared[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            declared[node.target.id] = node
    return declared


DECLARED = {name: node for name, node in members(STUB.body).items() if name not in PROTOCOLS}


def test_names() -> None:
    assert {name for name in vars(host) if not name.startswith("_")} == set(DECLARED)


def test_members_of_classes() -> None:
    for name, node in DECLARED.items():
        if not isinstance(node, ast.ClassDef) or name.endswith("Error") or "Plugin" in name[:-1]:
            continue
        declared = set(members(node.body)) - {"__init__", "__enter__", "__exit__"}
        actual = {member for member in vars(getattr(host, name)) if not member.startswith("_")}
        assert actual == declared, name


def test_bases_of_errors() -> None:
    errors = {n: c for n, c in DECLARED.items() if isinstance(c, ast.ClassDef) and c.bases}
    assert len(errors) == 6
    for name, node in errors.items():
        (base,) = node.bases
        assert isinstance(base, ast.Name)
        assert getattr(host, name).__bases__[0].__name__ == base.id


def test_arguments_and_defaults() -> None:
    plugin = DECLARED["Plugin"]
    assert isinstance(plugin, ast.ClassDef)
    run = members(plugin.body)["run"]
    assert isinstance(run, ast.FunctionDef)
    positional = [argument.arg for argument in run.args.args]
    keyword = {
        argument.arg: ast.literal_eval(default)
        for argument, default in zip(run.args.kwonlyargs, run.args.kw_defaults, strict=True)
        if default is not None
    }
    # pybind11 writes signatures into docstrings: "name: type = default".
    signature = (inspect.getdoc(host.Plugin.run) or "").split(") ->")[0]
    before, star, after = signature.partition(", *,")
    assert star
    actual = re.findall(r"[(,] ?(\w+): ", after.join(("(", "")))
    assert re.findall(r"(\w+):", before) == positional
    assert actual == list(keyword)
    for name, default in keyword.items():
        assert re.search(rf"\b{name}: [^=]*= {re.escape(repr(default))}", after), name
