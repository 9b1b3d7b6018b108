"""`make test`: every part's tests in that part's own environment, then the whole mesh's.

Each part prints its own runner's summary; the last is the gate on coverage.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgemesh_local import coverage
from edgemesh_local.bringing import bring
from edgemesh_local.build import Build
from edgemesh_local.command import CommandFailed, show
from edgemesh_local.environments import beside, interpreter
from edgemesh_local.parts import Part, Skipped, run_parts
from edgemesh_local.service import Check, Service
from edgemesh_local.session import Session
from edgemesh_local.step import substitute
from edgemesh_local.system import ensure_packages
from edgemesh_local.tool_environment import tool_environment
from edgemesh_local.toolchain import GO, GRPCURL, HELM, KUBERNETES, NODE, go_program

LANES = 2
"""Parts that run side by side: each leaves one of two cores idle for most of its time."""

LONGEST = ("e2e",)

_NO_ENGINE = 77
"""Status of deploy/docker/test.sh where the machine lets no container engine run."""

_NODE = ["containernetworking-plugins", "etcd-server", "iproute2", "openssl"]
"""Debian's packages that a node of Kubernetes takes beside an engine's."""

APART = frozenset({"soak"})
"""Suites that run for long, and only when their own target asks for them."""

UNMEASURED = frozenset({"abuse", "chaos", "e2e"})
"""Suites of whole meshes, whose every process would take twice as long to start for lines that
the services' own suites run too."""


async def test(session: Session) -> int:
    """Build everything and test it; returns the exit code."""
    layout = session.layout
    build = await session.build(testing=True, others=beside(layout))
    await _bring(build)
    # A client whose requirements do not fit beside ours has an environment of its own.
    await tool_environment(
        layout, layout.root / "tests" / "requirements-triton.lock", session.console
    )
    coverage.start_anew(layout)
    return await run_parts(
        list(_parts(session, build)),
        session.console,
        session.only,
        lanes=LANES,
        folder=layout.logs,
    )


async def _bring(build: Build) -> None:
    """What some tests are skipped without is brought in CI, where its absence fails them.

    Go, grpcurl and Node for the clients, npm for Ruby's module, curl for REST, PostgreSQL for what
    is kept, Prometheus for what is measured, Chromium for pages, ccache for time.
    """
    if "CI" in os.environ:
        packages = ["ccache", "chromium", "curl", "postgresql", "prometheus"]
        await ensure_packages(packages, build.layout, build.console)
        await build.toolchains.require("node", NODE)
        await build.toolchains.require("go", GO)
        build.toolchains.path.insert(0, str(await go_program(build.toolchains, GRPCURL)))
    elif not await build.toolchains.has("go", GO):
        build.console.line(f"Go {GO} or newer is not here: tests of the Go client are skipped")


def _parts(session: Session, build: Build) -> Iterator[Part]:
    """The longest come first, so that no lane is left with one of them at the end."""
    layout, services = session.layout, session.services
    tests = layout.root / "tests"
    whole = {name: found for name, found in suites(tests).items() if name not in APART}
    for suite in sorted(whole, key=lambda name: name not in LONGEST):
        run = _chart if suite == "kubernetes" else _pytest
        measured = suite not in UNMEASURED
        work = partial(run, session, build, tests, *whole[suite], measured=measured)
        yield Part(f"{suite} pytest", work)
    yield Part("images", partial(_images, session, build))
    folders = [
        layout.local,
        layout.root / "mesh_service",
        *(each.folder for each in services),
        layout.root / "deploy" / "containers",
    ]
    for folder in folders:
        yield Part(
            f"{folder.name} pytest", partial(_pytest, session, build, folder, folder / "tests")
        )
    # Those of one service wait for each other where they compile: others' come between.
    for turn in itertools.zip_longest(*(_checks(build, service) for service in services)):
        yield from filter(None, turn)
    client = layout.root / "clients" / "python"
    yield Part("client pytest", partial(_pytest, session, build, client, client / "tests"))
    # It has no environment of its own.
    release = layout.root / "deploy" / "release" / "tests"
    yield Part("release pytest", partial(_pytest, session, build, layout.local, release))
    yield from _others(session, build)
    yield Part("coverage", partial(coverage.gate, layout, interpreter(tests)), last=True)


def _checks(build: Build, service: Service) -> Iterator[Part]:
    for check in service.tests:
        yield Part(f"{service.name} {check.name}", partial(run_check, build, service, check))


def _others(session: Session, build: Build) -> Iterator[Part]:
    """Those of what is no service, in the environments of others."""
    root = session.layout.root
    monitoring = root / "deploy" / "monitoring" / "tests"
    for name, folder, target in (
        ("monitoring", root / "tests", monitoring),
        ("dashboard", root / "dashboard", root / "dashboard" / "tests"),
        ("docs", root / "docs", root / "docs"),
    ):
        work = partial(_pytest, session, build, folder, target, measured=False)
        yield Part(f"{name} pytest", work)


def suites(tests: Path) -> dict[str, list[Path]]:
    """The suites of a folder of tests: each folder in it that has tests, and its own files."""
    found: dict[str, list[Path]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        inside = path.relative_to(tests).parts
        if inside[0].startswith("."):
            continue
        name, target = (inside[0], tests / inside[0]) if len(inside) > 1 else ("tests", path)
        targets = found.setdefault(name, [])
        if target not in targets:
            targets.append(target)
    return found


async def _pytest(
    session: Session, build: Build, folder: Path, *targets: Path, measured: bool = True
) -> None:
    """Tests in the environment of `folder`; `measured`: their coverage counts."""
    if not any(
        path
        for target in targets
        for path in (target, *target.rglob("test_*.py"))
        if path.is_file()
    ):
        raise Skipped("no tests")
    command = [str(interpreter(folder)), "-m", "pytest", *map(str, targets)]
    env = build.toolchains.env() | {"EXECUTORS": ",".join(session.executors or ())}
    if measured:
        command[1:1] = ["-m", "coverage", "run"]
        env |= coverage.variables(session.layout)
    await show(f"{folder.name} pytest", command, cwd=folder, env=env)


async def _chart(
    session: Session, build: Build, folder: Path, *targets: Path, measured: bool = True
) -> None:
    """Those of the chart; Helm takes minutes to compile, so that other parts go on beside it."""
    if "CI" in os.environ:
        helm = await go_program(build.toolchains, HELM)
        build.toolchains.path.append(str(helm))
    await _pytest(session, build, folder, *targets, measured=measured)


async def _images(session: Session, build: Build) -> None:
    """The images, of what was built here, and the mesh in them, by Compose and on a node of
    Kubernetes; `make test-images` makes them from nothing. Raises Skipped where no engine can run.
    """
    if "CI" not in os.environ:
        raise Skipped("make test-images installs an engine for it; CI=true does, too")
    if session.executors is not None:
        raise Skipped("it is of all executors")
    if os.geteuid() != 0:
        raise Skipped("no container engine can run here: it needs root")
    await bring(build, session.services)
    await ensure_packages(_NODE, build.layout, build.console)
    programs = [str(await go_program(build.toolchains, each)) for each in (HELM, KUBERNETES)]
    env = build.toolchains.env()
    try:
        await show(
            "images",
            ["bash", str(session.layout.root / "deploy" / "docker" / "test.sh")],
            cwd=session.layout.root,
            env=env
            | {"PATH": os.pathsep.join([env["PATH"], *programs])}
            | {"BUILT": "brought", "EDGEMESH_CPU": "native"}
            | {"EDGEMESH_CACHE": str(session.layout.cache)},
        )
    except CommandFailed as failure:
        if failure.code == _NO_ENGINE:
            raise Skipped(
                "no container engine can run here; the part's last lines say why"
            ) from None
        raise


async def run_check(
    build: Build, service: Service, check: Check, tools: Path | None = None
) -> None:
    """A test or lint that is not Python's; `tools`: programs of lints, told as $LINT_TOOLS.

    Raises CommandFailed, MissingPackages, MissingTool.
    """
    layout = build.layout
    await ensure_packages(check.needs.packages, layout, build.console)
    for tool, least in check.needs.tools.items():
        await build.toolchains.require(tool, least)
    own = {name: substitute(value, service, layout) for name, value in check.env.items()}
    if tools is not None:
        own["LINT_TOOLS"] = str(tools)
    await show(
        f"{service.name} {check.name}",
        [substitute(word, service, layout) for word in check.command],
        cwd=service.folder,
        env=await build.step_env(service) | {"EDGEMESH_CACHE": str(layout.cache)} | own,
    )
