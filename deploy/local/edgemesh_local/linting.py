"""`make lint`: style, types, directions of imports, contracts, and every service's own lints."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgemesh_local import releasing
from edgemesh_local.build import Build
from edgemesh_local.command import show
from edgemesh_local.environments import beside, interpreter
from edgemesh_local.generating import differs
from edgemesh_local.locking import foreign_text, inputs
from edgemesh_local.operations import stale
from edgemesh_local.parts import Part, PartFailed, Skipped, run_parts
from edgemesh_local.session import Session
from edgemesh_local.system import ensure_packages
from edgemesh_local.testing import LANES, run_check
from edgemesh_local.tool_environment import tool_environment
from edgemesh_local.toolchain import GO, NODE, node_modules

# `tee /dev/stderr` would cut a log off that stderr goes to.
_GOFMT = 'unlike=$(gofmt -l .); echo "$unlike"; test -z "$unlike"'


async def lint(session: Session) -> int:
    """Build the environments that types are checked in, then lint; returns the exit code."""
    layout = session.layout
    build = await session.build(testing=True, others=beside(layout))
    tools = await tool_environment(layout, layout.local / "lint.lock", session.console)
    linter = Linter(session, build, tools / "bin")
    return await run_parts(
        list(linter.parts()), session.console, session.only, lanes=LANES, folder=layout.logs
    )


class Linter:
    """The parts of a lint, over one build."""

    def __init__(self, session: Session, build: Build, tools: Path) -> None:
        self._session, self._build, self._tools = session, build, tools
        self._layout = session.layout

    def parts(self) -> Iterator[Part]:
        """In order of how soon they tell."""
        root = self._layout.root
        yield Part("ruff check", partial(self._tool, "ruff", "check", "."))
        yield Part("ruff format", partial(self._tool, "ruff", "format", "--check", "."))
        yield Part("import directions", self._imports)
        yield Part("locks", self._locks)
        yield Part("operations page", partial(stale, root))
        yield Part("versions and notices", partial(releasing.check, root))
        yield Part("shell", self._shell)
        yield Part("buf lint", partial(self._buf, "lint"))
        yield Part("buf breaking", partial(self._buf, "breaking", "--against", "baseline/v1.binpb"))
        yield Part("generated code", partial(differs, self._session, self._build.toolchains))
        folders = [
            root / "mesh_service",
            *(each.folder for each in self._session.services),
            root / "tests",
            root / "clients" / "python",
            self._layout.local,
            root / "deploy" / "containers",
            root / "deploy" / "release",
            root / "docs",
            root / "dashboard",
        ]
        for folder in folders:
            if folder.is_dir():
                yield Part(f"pyright {folder.name}", partial(self._pyright, folder))
        for module in sorted(root.glob("*/go/**/go.mod")):
            name = module.parent.relative_to(root).as_posix()
            yield Part(f"go {name}", partial(self._go, module.parent))
        yield Part("typescript", partial(self._typescript, root / "clients" / "ts"))
        for service in self._session.services:
            for check in service.lints:
                yield Part(
                    f"{service.name} {check.name}",
                    partial(run_check, self._build, service, check, self._tools),
                )

    async def _tool(self, program: str, *words: str) -> None:
        await show(
            program, [str(self._tools / program), *words], cwd=self._layout.root, env=os.environ
        )

    async def _imports(self) -> None:
        root = self._layout.root
        places = (
            *root.glob("*/src"),
            *root.glob("clients/*/src"),
            *root.glob("deploy/*/src"),
        )
        sources = [root / "protos", self._layout.local, *sorted(places)]
        await show(
            "import directions",
            [
                str(self._tools / "lint-imports"),
                "--config",
                str(self._layout.local / "imports.ini"),
                "--no-cache",
            ],
            cwd=root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))},
        )

    async def _locks(self) -> None:
        for source in inputs(self._layout):
            lock = source.with_suffix(".lock")
            if not lock.exists():
                raise PartFailed(f"{lock.relative_to(self._layout.root)} is missing: run make lock")
            if foreign := foreign_text(lock):
                raise PartFailed(f"{lock.relative_to(self._layout.root)}: {foreign[0]}")

    async def _shell(self) -> None:
        if shutil.which("shellcheck") is None and os.geteuid() == 0:
            await ensure_packages(["shellcheck"], self._layout, self._session.console)
        if shutil.which("shellcheck") is None:
            raise Skipped("shellcheck is not installed")
        root = self._layout.root
        scripts = [root / ".ci" / "run", *root.glob("*/*.sh")]
        scripts += [*root.glob("deploy/*/*.sh"), *root.glob("clients/*/*.sh")]
        await show(
            "shellcheck",
            ["shellcheck", "--severity=warning", *map(str, sorted(scripts))],
            cwd=root,
            env=os.environ,
        )

    async def _buf(self, *words: str) -> None:
        await show(
            "buf",
            [str(self._tools / "buf"), *words],
            cwd=self._layout.root / "protos",
            env=os.environ,
        )

    async def _pyright(self, folder: Path) -> None:
        modules = await node_modules(self._build.toolchains)
        python = interpreter(folder)
        if not python.exists():  # a client's program is checked with what a client has
            python = interpreter(self._layout.root / "tests")
        await show(
            "pyright",
            [str(modules / "pyright"), "--pythonpath", str(python), "--project", str(folder)],
            cwd=folder,
            env=self._build.toolchains.env(),
        )

    async def _typescript(self, package: Path) -> None:
        await self._build.toolchains.require("node", NODE)
        env = self._build.toolchains.env()
        await show("npm ci", ["npm", "ci", "--no-audit", "--no-fund"], cwd=package, env=env)
        await show("npm run lint", ["npm", "run", "lint"], cwd=package, env=env)
        await show("generate.sh", ["bash", "generate.sh", "--check"], cwd=package, env=env)

    async def _go(self, module: Path) -> None:
        await self._build.toolchains.require("go", GO)
        env = self._build.toolchains.env()
        await show("go vet", ["go", "vet", "./..."], cwd=module, env=env)
        await show("gofmt", ["sh", "-c", _GOFMT], cwd=module, env=env)
