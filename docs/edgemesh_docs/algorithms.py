"""What can be computed: a page for each namespace, with parameters, inputs and outputs.

`cpp.*` has none here: its page is written from the plugins' manifests, and lies beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgemesh_client import Algorithm, TensorSpec
from edgemesh_docs import schema
from edgemesh_docs.tables import code, plain, table

ELSEWHERE = frozenset({"cpp"})


def pages(algorithms: Sequence[Algorithm]) -> Iterator[tuple[str, str]]:
    """Each page's place below the reference, and its text."""
    namespaces = sorted({_namespace(each) for each in algorithms} - ELSEWHERE)
    for namespace in namespaces:
        own = [each for each in algorithms if _namespace(each) == namespace]
        yield f"algorithms/{namespace}.md", "\n".join(_text(namespace, own))


def _namespace(algorithm: Algorithm) -> str:
    return algorithm.name.partition(".")[0]


def _text(namespace: str, algorithms: Sequence[Algorithm]) -> Iterator[str]:
    yield f"# Algorithms of {namespace}\n"
    yield (
        "As a mesh with the models that `make up` brings describes them itself: this page is made "
        "from its answer when the site is built. `edgemesh algorithms` asks yours.\n"
    )
    for each in algorithms:
        yield from _algorithm(each)


def _algorithm(each: Algorithm) -> Iterator[str]:
    yield f"## {each.name} {{ #{each.name} }}\n"
    yield f"{plain(each.description)}\n"
    ways = ["streams" if each.streams else "", "idempotent" if each.idempotent else ""]
    facts = [f"version {code(each.version)}", *filter(None, ways)]
    if each.capabilities:
        facts.append("capabilities: " + ", ".join(map(code, each.capabilities)))
    yield "; ".join(facts) + ".\n"
    if rows := schema.properties(each.parameters):
        yield f"**Parameters**\n\n{rows}"
    if rows := _tensors(each.inputs):
        yield f"**Inputs**\n\n{rows}"
    if rows := schema.properties(each.result):
        yield f"**Result**\n\n{rows}"
    if rows := _tensors(each.outputs):
        yield f"**Outputs**\n\n{rows}"


def _tensors(specs: Sequence[TensorSpec]) -> str:
    rows = [
        (
            code(spec.name),
            ", ".join(map(code, spec.dtypes)) or "any",
            code(_shape(spec.shape)) if spec.shape is not None else "any",
            "yes" if spec.required else "",
            plain(spec.description),
        )
        for spec in specs
    ]
    head = ("name", "element types", "shape", "must be there", "")
    return table(head, rows) + "\n" if rows else ""


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join("n" if length < 0 else str(length) for length in shape) + "]"
