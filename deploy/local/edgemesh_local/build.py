"""Builds services: what the machine must have, native steps, the environment, steps inside it.

Services are built side by side; within one, in that order. Commands at once
are as many as cores and one, since some wait for a download.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgemesh_local import environment, step
from edgemesh_local.building_lock import building
from edgemesh_local.cargo_target import claim
from edgemesh_local.console import Console, duration
from edgemesh_local.environments import service_environment
from edgemesh_local.layout import Layout
from edgemesh_local.registry import uv_environment
from edgemesh_local.service import Service, Step
from edgemesh_local.sources import source_wheels
from edgemesh_local.system import ensure_packages
from edgemesh_local.together import together
from edgemesh_local.tool_environment import tool_environment, uv
from edgemesh_local.toolchain import Toolchains


@dataclass(slots=True)
class Build:
    """One build, of some services and of environments beside them."""

    layout: Layout
    console: Console
    toolchains: Toolchains = field(init=False)
    wheels: dict[str, list[Path]] = field(init=False, default_factory=dict[str, list[Path]])
    """Service → the wheels that its native steps made, once it is built."""
    _turns: asyncio.Semaphore = field(init=False)
    _sources: dict[str, Path] = field(init=False)

    def __post_init__(self) -> None:
        self.toolchains = Toolchains(self.layout, self.console)
        self._turns = asyncio.Semaphore((os.cpu_count() or 1) + 1)

    async def run(
        self,
        services: Sequence[Service],
        *,
        testing: bool = False,
        others: Sequence[environment.Environment] = (),
    ) -> None:
        """Bring all of it up to date. Raises CommandFailed, MissingPackages, MissingTool, …"""
        began = time.monotonic()
        async with building(self.layout.cache, self.console):
            await ensure_packages(
                [name for service in services for name in service.needs.packages],
                self.layout,
                self.console,
            )
            least = {
                tool: version
                for service in services
                for tool, version in service.needs.tools.items()
            }
            for tool, version in least.items():
                await self.toolchains.require(tool, version)
            wanted = [*map(service_environment, services), *others]
            packages = sorted({package for each in wanted for package in each.packages})
            self._sources = await source_wheels(packages, self.layout, self.console)
            await together(
                [
                    *(self._service(service, testing) for service in services),
                    *(self._environment(other, testing) for other in others),
                ]
            )
        self.console.line(f"built  {duration(time.monotonic() - began)}")

    async def _service(self, service: Service, testing: bool) -> None:
        native = [item for item in service.steps if not item.in_environment]
        inside = [item for item in service.steps if item.in_environment]
        wheels: list[Path] = []
        for item in native:
            products = await self._step(service, item)
            wheels += products if item.install else []
        self.wheels[service.name] = wheels
        await self._environment(service_environment(service), testing, wheels)
        for item in inside:
            await self._step(service, item)

    async def _step(self, service: Service, item: Step) -> list[Path]:
        versions = {tool: self.toolchains.versions[tool] for tool in service.needs.tools}
        key = step.step_key(service, item, self.layout, versions)
        products = step.done(service, item, key, self.layout)
        if products is not None:
            return products
        env = await self.step_env(service)
        async with self._turns:
            return await step.run(service, item, key, self.layout, self.console, env)

    async def step_env(self, service: Service) -> dict[str, str]:
        """What steps and checks run with: toolchains, what the service's build lock names, and uv,
        which reaches packages as pip does."""
        env = self.toolchains.env(uv_environment(self.layout.cache / "uv"))
        env["PATH"] = os.pathsep.join([env["PATH"], str(Path(uv()).parent)])
        lock = service.folder / "requirements-build.lock"
        if lock.exists():
            tools = await tool_environment(self.layout, lock, self.console)
            env["PATH"] = os.pathsep.join([str(tools / "bin"), env["PATH"]])
        if "cargo" in service.needs.tools:
            target = self.layout.cache / "cargo-target"
            claim(target, service.folder)
            env["CARGO_TARGET_DIR"] = str(target)
        return env

    async def _environment(
        self, wanted: environment.Environment, testing: bool, native: Sequence[Path] = ()
    ) -> None:
        wheels = [*(self._sources[package] for package in wanted.packages), *native]
        async with self._turns:
            await environment.ensure(
                wanted, self.layout, self.console, testing=testing, wheels=wheels
            )
