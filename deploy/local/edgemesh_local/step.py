"""One build step of a service: a native part, or something fetched or prepared in its environment.

Its key is made of its inputs, its command, its lock, the toolchains' versions and Python's. Its
stamp in the cache bears the key and lists what it produced.
"""

from __future__ import annotations

import glob
import time
from collections.abc import Mapping
from pathlib import Path

from edgemesh_local import command, content, stamp
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.service import Service, Step
from edgemesh_local.tool_environment import python_version


class NothingProduced(Exception):
    """A step ended well and what it should have produced is not there."""

    def __init__(self, step: str, pattern: str) -> None:
        self.step, self.pattern = step, pattern
        super().__init__(f"{step}: it produced nothing that matches {pattern}")


def step_key(service: Service, step: Step, layout: Layout, versions: Mapping[str, str]) -> str:
    """The content key. Raises content.NoSuchInput."""
    lock = "requirements.lock" if step.in_environment else "requirements-build.lock"
    lock_path = service.folder / lock
    return content.key(
        inputs=content.digest(layout.root, step.inputs),
        step=[step.name, step.command, sorted(step.env.items())],
        # What lies in a checkout is complete in that checkout only.
        produces=[substitute(pattern, service, layout) for pattern in step.produces],
        lock=lock_path.read_text() if lock_path.exists() else "",
        versions=sorted(versions.items()),
        python=python_version(),
    )


def substitute(text: str, service: Service, layout: Layout, key: str = "") -> str:
    """Fill in {root}, {service}, {cache}, {key} and {python}."""
    values = {
        "root": layout.root,
        "service": service.folder,
        "cache": layout.cache,
        "key": key,
        "python": service.folder / ".venv" / "bin" / "python",
    }
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def done(service: Service, step: Step, key: str, layout: Layout) -> list[Path] | None:
    """What the step produced, if it is complete under `key`."""
    mark = _stamp(service, step, key, layout)
    return stamp.products(mark) if stamp.holds(mark, key) else None


async def run(
    service: Service,
    step: Step,
    key: str,
    layout: Layout,
    console: Console,
    env: Mapping[str, str],
) -> list[Path]:
    """Complete the step under `key`; returns what it produced.

    Raises CommandFailed, NothingProduced; then, and when cancelled, it is not complete.
    """
    mark = _stamp(service, step, key, layout)
    label = f"{service.name} {step.name}"
    console.started(label)
    stamp.remove(mark)
    began = time.monotonic()
    own = {name: substitute(value, service, layout, key) for name, value in step.env.items()}
    try:
        await command.run(
            label,
            [substitute(word, service, layout, key) for word in step.command],
            cwd=service.folder,
            env={**env, "EDGEMESH_CACHE": str(layout.cache), **own},
            log=layout.logs / f"{service.name}-{step.name}.log",
            console=console,
        )
        products = _products(label, step, service, layout, key)
    except BaseException:
        console.failed(label, time.monotonic() - began)
        raise
    stamp.write(mark, key, products)
    console.done(label, time.monotonic() - began)
    return products


def _stamp(service: Service, step: Step, key: str, layout: Layout) -> Path:
    return layout.stamps / f"{service.name}-{step.name}-{key}.json"


def _products(label: str, step: Step, service: Service, layout: Layout, key: str) -> list[Path]:
    found: list[Path] = []
    for pattern in step.produces:
        filled = substitute(pattern, service, layout, key)
        matched = [Path(path) for path in glob.glob(filled, recursive=True)]
        matched = [path for path in matched if path.is_file()]
        if not matched:
            raise NothingProduced(label, filled)
        found += matched
    return found
