"""What the services' sources say of themselves: settings, metrics, reasons; read, never run.

Rules: the sources are parsed and not imported, since each service has an environment of its own; a
form that is not understood is a failure, never left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SHARED = "mesh_service"
_METRICS = {
    "Counter": "counter",
    "CounterMetricFamily": "counter",
    "Gauge": "gauge",
    "GaugeMetricFamily": "gauge",
    "Histogram": "histogram",
    "HistogramMetricFamily": "histogram",
}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_RETRY = re.compile(r"^//   ([A-Z_]+) +([A-Z_]+)  +(\S.*(?:\n// {20,}\S.*)*)$", re.MULTILINE)


class NotUnderstood(Exception):
    """A source does not look as it must to be read."""

    def __init__(self, path: Path, line: int, expected: str) -> None:
        self.path, self.line, self.expected = path, line, expected
        super().__init__(f"{path}:{line}: {expected}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a class of settings."""

    name: str
    """The whole variable, or the part behind a service's prefix."""
    kind: str
    default: str
    bounds: str
    text: str


@dataclass(frozen=True, slots=True)
class Family:
    """The settings of one class."""

    name: str
    """Of the class."""
    prefix: str
    """Of its variables; empty where subclasses have theirs."""
    base: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class MetricOf:
    """One metric."""

    owner: str
    """The folder of the source that makes it, or SHARED's part."""
    name: str
    """As it is exposed."""
    kind: str
    labels: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of an error."""

    name: str
    code: str
    text: str
    retry: str


def folders(root: Path) -> list[Path]:
    """Those of services, and of what they share; who only looks at a mesh is none of them."""
    return [root / SHARED, *sorted(path.parent for path in root.glob("*/service.toml"))]


def sources(root: Path) -> list[Path]:
    """All of the services' Python."""
    return sorted(path for folder in folders(root) for path in folder.glob("src/**/*.py"))


@cache
def texts(root: Path) -> set[str]:
    """All texts that stand in them: events of logs among others."""
    return {
        node.value
        for path in sources(root)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def families(root: Path) -> list[Family]:
    """All classes of settings, what every service has first."""
    paths = [path for folder in folders(root) for path in sorted(folder.glob("src/*/settings.py"))]
    found: dict[str, Family] = {}
    for path in paths:
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Settings"):
                found.setdefault(node.name, _family(path, node))
    return list(found.values())


@cache
def metrics(root: Path) -> list[MetricOf]:
    """All metrics, by name."""
    found: dict[str, MetricOf] = {}
    for path in sources(root):
        inside = path.relative_to(root).parts
        owner = inside[0]
        if owner == SHARED and "executor" in inside:
            owner = "executors"
        for scope in ast.walk(_tree(path)):
            if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
                for metric in _metrics(path, owner, scope):
                    found[metric.name] = metric
    return [found[name] for name in sorted(found)]


def reasons(root: Path) -> list[Reason]:
    """All reasons, in the order of the contract's table, which must have each."""
    shared = root / SHARED / "src" / SHARED
    said = {
        node.name: (ast.get_docstring(node) or "").partition("\n\n")[0]
        for node in _tree(shared / "errors.py").body
        if isinstance(node, ast.ClassDef)
    }
    path = shared / "translate.py"
    codes: dict[str, tuple[str, str]] = {}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and _is_verdict(node.elts[1]):
            error = node.elts[0]
            if not isinstance(error, ast.Attribute):
                raise NotUnderstood(path, node.lineno, "a pair (errors.X, Verdict(…))")
            code, reason = _verdict(path, node.elts[1])
            codes[reason] = (code, said[error.attr])
        elif isinstance(node, ast.Assign) and _is_verdict(node.value):
            code, reason = _verdict(path, node.value)
            codes[reason] = (code, said["Internal"])
    contract = root / "protos" / "edgemesh" / "compute" / "v1" / "compute.proto"
    retries = {
        name: (code, re.sub(r"\n// +", " ", retry))
        for name, code, retry in _RETRY.findall(contract.read_text())
    }
    retries.pop("reason", None)
    for name in codes.keys() ^ retries.keys():
        raise NotUnderstood(contract, 1, f"the table of reasons and the code differ in {name}")
    return [
        Reason(name, codes[name][0], codes[name][1], retry) for name, (_, retry) in retries.items()
    ]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def _family(path: Path, node: ast.ClassDef) -> Family:
    prefix = ""
    found: list[Setting] = []
    for at, item in enumerate(node.body):
        if isinstance(item, ast.Assign) and isinstance(item.value, ast.Call):
            for keyword in item.value.keywords:
                if keyword.arg == "env_prefix" and isinstance(keyword.value, ast.Constant):
                    prefix = str(keyword.value.value)
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        kind = ast.unparse(item.annotation)
        if kind.startswith("ClassVar") or item.target.id.startswith("_"):
            continue
        after = node.body[at + 1] if at + 1 < len(node.body) else None
        text = _text(after)
        if text is None:
            raise NotUnderstood(path, item.lineno, f"{item.target.id} needs a docstring below it")
        found.append(_setting(item.target.id, kind, item.value, " ".join(text.split())))
    base = node.bases[0]
    return Family(node.name, prefix, ast.unparse(base), tuple(found))


def _text(node: ast.stmt | None) -> str | None:
    """The docstring that a statement is."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return None
    return node.value.value if isinstance(node.value.value, str) else None


def _setting(name: str, kind: str, value: ast.expr | None, text: str) -> Setting:
    variable, bounds, default = name.upper(), "", value
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        default = given.get("default", value.args[0] if value.args else None)
        bounds = " ".join(
            f"{sign} {_plain(given[key])}" for key, sign in _BOUNDS.items() if key in given
        )
        alias = given.get("validation_alias")
        if isinstance(alias, ast.Constant):
            variable = str(alias.value)
    return Setting(variable, _kind(kind), _plain(default), bounds, text)


def _kind(annotation: str) -> str:
    inner = re.fullmatch(r"Annotated\[(.*), NoDecode\]", annotation)
    kind = inner.group(1) if inner else annotation
    kind = re.sub(r"\b(?:SecretStr|str)\b", "text", kind.removesuffix(" | None"))
    literal = re.fullmatch(r"Literal\[(.*)\]", kind)
    if literal:
        return ", ".join(word.strip("' ") for word in literal.group(1).split(","))
    if kind.startswith("tuple[Literal"):
        return "list"
    return {"tuple[text, ...]": "list", "list[text]": "list"}.get(kind, kind).lower()


def _plain(value: ast.expr | None) -> str:
    if value is None or (isinstance(value, ast.Constant) and value.value in (None, "")):
        return ""
    if isinstance(value, ast.Call | ast.Lambda) or ast.unparse(value) in ("()", "{}", "[]"):
        return ""
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return str(value.value).lower()
    text = ast.unparse(value)
    if re.fullmatch(r"[\d_.]+", text):
        number = float(text)
        return f"{int(number):,}" if number.is_integer() else text
    text = re.sub(r"(\d+) \* MIB", r"\1 MiB", text)
    return "1 MiB" if text == "MIB" else text.strip("'")


def _metrics(
    path: Path, owner: str, scope: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[MetricOf]:
    lists = {
        target.id: node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        kind = _METRICS.get(ast.unparse(node.func).rpartition(".")[2])
        name, text = node.args[0], node.args[1]
        if kind is None or not isinstance(name, ast.Constant):
            continue
        if not isinstance(text, ast.Constant):
            raise NotUnderstood(path, node.lineno, "a metric's text must stand there")
        labels = node.args[2] if len(node.args) > 2 else None
        for keyword in node.keywords:
            if keyword.arg == "labels":
                labels = keyword.value
        if isinstance(labels, ast.Name):
            labels = lists.get(labels.id)
        names: tuple[str, ...] = ()
        if labels is not None:
            names = tuple(ast.literal_eval(labels))
        suffix = "_total" if kind == "counter" else ""
        yield MetricOf(owner, f"{name.value}{suffix}", kind, names, str(text.value))


def _is_verdict(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "Verdict"


def _verdict(path: Path, node: ast.expr) -> tuple[str, str]:
    assert isinstance(node, ast.Call)
    code, reason = node.args
    if not isinstance(reason, ast.Constant):
        raise NotUnderstood(path, node.lineno, "a reason must stand there")
    return ast.unparse(code).rpartition(".")[2], str(reason.value)
