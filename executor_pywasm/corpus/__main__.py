"""`python -m corpus`: see the package's docstring."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random

from corpus import cpython, packages, table
from corpus.programs.compare import check
from corpus.programs.native import Native
from corpus.reasons import Reasons
from corpus.record import Module
from corpus.suite import Task, run
from edgemesh_sandbox import Sandbox
from edgemesh_sandbox.built import default_images_dir
from edgemesh_sandbox.setup import build


def _cpython(options: argparse.Namespace) -> list[Task]:
    tests: Path = options.tests or cpython.folder()
    names = cpython.modules(tests, options.modules or cpython.MODULES)
    return [Task(name, "unittest", partial(cpython.packed, tests)) for name in names]


def _packages(options: argparse.Namespace) -> list[Task]:
    wheels = packages.fetch()
    names = packages.modules(wheels, options.modules or ())
    return [Task(name, "pytest", partial(packages.packed, wheels)) for name in names]


PROGRAMS = "programs"
SUITES: dict[str, Callable[[argparse.Namespace], list[Task]]] = {
    "cpython": _cpython,
    "packages": _packages,
}


def main() -> int:
    """Run the suites; 1 if a failure is not explained."""
    options = _options()
    build(default_images_dir())
    return sum([_suite(name, options) for name in options.suites or (*SUITES, PROGRAMS)]) and 1


def _suite(name: str, options: argparse.Namespace) -> int:
    """Run one suite; how many of its findings no reason explains."""
    print(f"== {name}")
    if name == PROGRAMS:
        return _programs(options)
    try:
        tasks = SUITES[name](options)
    except (cpython.NotInstalled, packages.NotFetched) as missing:
        print(f"skipped: {missing}\n")
        return 0
    reasons = Reasons()
    modules = sorted(run(tasks, options.jobs), key=lambda m: m.name)
    for line in (*table.rows(modules), "", *table.summary(modules, reasons), ""):
        print(line)
    report = _write(name, modules, "\n".join(table.details(modules, reasons)))
    print(f"every failure and its reason: {report}\n")
    return sum(reasons.verdict(test) is None for module in modules for test in module.bad)


def _programs(options: argparse.Namespace) -> int:
    """Compare generated programs; the number of those that differ."""
    different = 0
    with Native() as native, Sandbox() as sandbox:
        for seed in range(options.seed, options.seed + options.programs):
            found = check(native, sandbox, Random(seed))
            if found:
                different += 1
                print(f"seed {seed}\n  here:  {found.here}\n  there: {found.there}")
    print(f"{options.programs - different} of {options.programs} programs say the same\n")
    return different


def _write(name: str, modules: list[Module], details: str) -> Path:
    """Keep what was found: as text to read, as JSON to compare."""
    folder = default_images_dir().parent / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps([asdict(m) for m in modules], indent=1))
    report = folder / f"{name}.txt"
    report.write_text(details + "\n")
    return report


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[*SUITES, PROGRAMS, []])
    parser.add_argument("--modules", nargs="+", help="only these, e.g. json datetime")
    parser.add_argument("--tests", type=Path, help="another Python's folder of tests")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument("--programs", type=int, default=4000, help="how many to generate")
    parser.add_argument("--seed", type=int, default=1000, help="the first one's")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
