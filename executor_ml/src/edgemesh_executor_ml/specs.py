"""What an algorithm takes and gives over models that differ in it, as graphs in ONNX do.

Rules: what holds of every model stays as it is; a tensor that only some have is not required; where
types or shapes differ any of them is let through here, and the model's own worker checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgemesh.compute.v1 import algorithm_pb2

_Spec = algorithm_pb2.TensorSpec


def join(joined: algorithm_pb2.Algorithm, every: Sequence[algorithm_pb2.Algorithm]) -> None:
    """Have an algorithm over several models take and give what each of them does."""
    for part in ("inputs", "outputs"):
        lists: list[Sequence[_Spec]] = [getattr(each, part) for each in every]
        if any(list(each) != list(lists[0]) for each in lists[1:]):
            specs = list(_united(lists))
            joined.ClearField(part)
            getattr(joined, part).extend(specs)


def _united(lists: Sequence[Sequence[_Spec]]) -> Iterable[_Spec]:
    named: dict[str, list[_Spec]] = {}
    for specs in lists:
        for spec in specs:
            named.setdefault(spec.name, []).append(spec)
    for name, specs in named.items():
        first = specs[0]
        same = all((s.shape, s.any_rank) == (first.shape, first.any_rank) for s in specs)
        anything = any(not spec.dtypes for spec in specs)
        yield _Spec(
            name=name,
            dtypes=[] if anything else dict.fromkeys(d for spec in specs for d in spec.dtypes),
            shape=first.shape if same else [],
            any_rank=first.any_rank if same else True,
            required=len(specs) == len(lists) and all(spec.required for spec in specs),
            allow_empty=any(spec.allow_empty for spec in specs),
            description=" · ".join(dict.fromkeys(spec.description for spec in specs)),
        )
