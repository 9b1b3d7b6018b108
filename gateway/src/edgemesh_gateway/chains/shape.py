"""The shape of a chain: who comes after whom, and what is wrong with that.

Rules: pure. All that is wrong is said at once, each with the path of its field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from mesh_service.errors import Violation

MOST_STEPS, MOST_DEPTH = 64, 16
MOST_TAKEN = 256
"""What one step may take of others."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_POINTER = re.compile(r"(/([^~/]|~0|~1)*)*")


def after(step: Any) -> list[str]:
    """The steps that one comes after, by name, each once."""
    named = [each.step for each in (*step.inputs.values(), *step.parameters.values())]
    return sorted({*named, *step.after})


def needs(step: Any) -> str:
    """What a step takes of others, as its job keeps it; empty: nothing."""
    if not (before := after(step)):
        return ""
    kept: dict[str, Any] = {"after": before}
    kept["inputs"] = {name: [of.step, of.output] for name, of in step.inputs.items()}
    kept["parameters"] = {name: [of.step, of.pointer] for name, of in step.parameters.items()}
    return json.dumps(kept)


def violations(steps: Any) -> Iterator[Violation]:
    """What is wrong with the steps of a SubmitChainRequest."""
    if not 0 < len(steps) <= MOST_STEPS:
        yield Violation("steps", f"1 to {MOST_STEPS}, not {len(steps)}")
        return
    for number, step in enumerate(steps):
        if len(step.inputs) + len(step.parameters) + len(step.after) > MOST_TAKEN:
            yield Violation(
                f"steps[{number}]", f"at most {MOST_TAKEN} of inputs, parameters, after"
            )
            return
    names: dict[str, int] = {}
    for number, step in enumerate(steps):
        at = f"steps[{number}]"
        if not _NAME.fullmatch(step.name):
            yield Violation(f"{at}.name", "1 to 64 characters of [A-Za-z0-9_-]")
        elif step.name in names:
            yield Violation(f"{at}.name", f"another than that of steps[{names[step.name]}]")
        names.setdefault(step.name, number)
        if not step.HasField("job"):
            yield Violation(f"{at}.job", "required: a SubmitJobRequest")
        if step.job.request_id:
            yield Violation(f"{at}.job.request_id", "none: the chain has one")
    wrong = list(_references(steps, names))
    yield from wrong
    if not wrong:
        yield from _order({step.name: after(step) for step in steps}, names)


def _references(steps: Any, names: Mapping[str, int]) -> Iterator[Violation]:
    for number, step in enumerate(steps):
        at = f"steps[{number}]"
        said = [(f"{at}.inputs.{name}.step", of.step) for name, of in step.inputs.items()]
        said += [(f"{at}.parameters.{n}.step", of.step) for n, of in step.parameters.items()]
        said += [(f"{at}.after[{n}]", name) for n, name in enumerate(step.after)]
        for path, name in said:
            if name not in names:
                yield Violation(path, f"the name of a step of this chain, not {name[:64]!r}")
        for name, of in step.inputs.items():
            if not of.output:
                yield Violation(f"{at}.inputs.{name}.output", "required: an output's name")
        for name, result in step.parameters.items():
            if not _POINTER.fullmatch(result.pointer):
                yield Violation(f"{at}.parameters.{name}.pointer", "a JSON pointer, as /scores/0")


def _order(before: Mapping[str, list[str]], names: Mapping[str, int]) -> Iterator[Violation]:
    depth: dict[str, int] = {}
    try:
        for name in TopologicalSorter(before).static_order():
            depth[name] = 1 + max((depth[each] for each in before[name]), default=0)
            if depth[name] > MOST_DEPTH:
                at = f"steps[{names[name]}]"
                yield Violation(at, f"at most {MOST_DEPTH} steps after one another")
                return
    except CycleError as error:
        circle: list[str] = error.args[1]
        at = f"steps[{min(names[name] for name in circle)}]"
        yield Violation(at, f"no circle: {' before '.join(circle)}")
