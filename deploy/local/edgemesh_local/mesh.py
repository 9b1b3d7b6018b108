"""A running mesh: the chosen executors and a gateway, each in a process and environment of its own.

    async with Mesh(executors=("cpp", "ml")) as mesh:
        channel = grpc.aio.insecure_channel(mesh.address("gateway"))

Executors start first and side by side; the gateway is told their addresses. Stopping is the other
way round: the gateway finishes what runs, then the executors go.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from edgemesh_local.environments import interpreter
from edgemesh_local.layout import Layout
from edgemesh_local.ports import check_free, free_port
from edgemesh_local.service import GATEWAY, Service, all_services, select
from edgemesh_local.step import substitute
from edgemesh_local.supervised import GRACE_S, Serving, Supervised
from edgemesh_local.together import together

START_S = 60.0
"""How long a service may take from its start until it serves."""
HOST = "127.0.0.1"


class Mesh:
    """The mesh under supervision, in one event loop; an async context manager.

    `executors` names them (None: all). `ports` is "free" (each service takes free ones, and keeps
    them over restarts) or "standard" (those of its service.toml, or of its own settings).
    `settings` are further variables per service, without their prefix:
    `{"gateway": {"QUEUE": "5"}}`. `inherit` says whether this process's own EDGEMESH_<service>_*
    variables reach the services. `show` gets each line that a service logs, `tell` each event.
    Services must have been built.
    """

    def __init__(
        self,
        executors: Iterable[str] | None = None,
        *,
        ports: Literal["free", "standard"] = "free",
        settings: Mapping[str, Mapping[str, str]] | None = None,
        inherit: bool = False,
        restart: bool = True,
        show: Callable[[str, str], None] = lambda _name, _line: None,
        tell: Callable[[str, str], None] = lambda _name, _event: None,
        layout: Layout | None = None,
    ) -> None:
        self.layout = layout or Layout.here()
        names = None if executors is None else tuple(executors)
        self._services = {service.name: service for service in select(self.layout.root, names)}
        self._ports, self._settings, self._inherit = ports, settings or {}, inherit
        self._restart, self._show, self._tell = restart, show, tell
        self._running: dict[str, Supervised] = {}

    async def __aenter__(self) -> Mesh:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def executors(self) -> tuple[str, ...]:
        """The chosen executors' names."""
        return tuple(name for name in self._services if name != GATEWAY)

    async def start(self) -> None:
        """Start all; returns when all serve. Raises PortInUse, StartFailed; then none runs."""
        environments = {name: self._env(service) for name, service in self._services.items()}
        if self._ports == "standard":
            self._check_ports(environments)
        self._tell_gateway(environments)
        try:
            await self._start_all(environments)
        except BaseException:
            await self.stop(grace=5.0)
            raise

    def _tell_gateway(self, environments: Mapping[str, dict[str, str]]) -> None:
        """Tell those that call the gateway where it will be."""
        callers = [service for service in self._services.values() if service.calls_gateway]
        if not callers:
            return
        gateway = environments[GATEWAY]
        bound = gateway.get(self._variable(GATEWAY, "HOST"), HOST)
        host = HOST if bound in ("0.0.0.0", "::") else bound  # noqa: S104
        if gateway[self._variable(GATEWAY, "PORT")] == "0":
            gateway[self._variable(GATEWAY, "PORT")] = str(free_port(bound))
        address = f"{host}:{gateway[self._variable(GATEWAY, 'PORT')]}"
        for service in callers:
            environments[service.name].setdefault(
                service.env_prefix + service.calls_gateway, address
            )

    async def stop(self, grace: float = GRACE_S) -> None:
        """Stop all, the gateway first; each may take `grace` seconds to finish what runs."""
        if GATEWAY in self._running:
            await self._running[GATEWAY].stop(grace)
        await together(service.stop(grace) for service in self._running.values())

    def serving(self, name: str) -> Serving:
        """What a service said when it began to serve. Raises LookupError while it does not."""
        serving = self._running[name].serving
        if serving is None:
            raise LookupError(f"{name} does not serve")
        return serving

    def address(self, name: str) -> str:
        """host:port of a service; of one that is down, what it last was."""
        return self._last(name).address

    def http(self, name: str) -> str:
        """host:port of a service's HTTP; empty where it serves none."""
        return self._last(name).http

    def metrics(self, name: str) -> str:
        """host:port of a service's metrics."""
        return self._last(name).metrics

    def _last(self, name: str) -> Serving:
        last = self._running[name].last
        if last is None:
            raise LookupError(f"{name} has not served yet")
        return last

    def pid(self, name: str) -> int:
        """The front process of a service. Raises LookupError while it does not serve."""
        return self.serving(name).pid

    def starts(self, name: str) -> int:
        """How often a service's process was started."""
        return self._running[name].starts

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal a service's front process; returns its pid, for `wait_serving`."""
        pid = self.pid(name)
        self._running[name].signal(number)
        return pid

    async def wait_serving(
        self, name: str, *, not_pid: int | None = None, timeout: float = START_S
    ) -> Serving:
        """Wait until a service serves, as another process than `not_pid`. Raises StartFailed."""
        return await self._running[name].wait_serving(timeout, not_pid)

    async def stop_service(self, name: str, grace: float = GRACE_S) -> None:
        """Stop one service and leave it stopped."""
        await self._running[name].stop(grace)

    async def start_service(self, name: str) -> Serving:
        """Start a stopped service again, on the ports it had. Raises StartFailed."""
        self._running[name].start()
        return await self.wait_serving(name)

    async def restart(self, name: str) -> Serving:
        """Stop a service and start it again, on the ports it had. Raises StartFailed."""
        await self.stop_service(name)
        return await self.start_service(name)

    async def _start_all(self, environments: dict[str, dict[str, str]]) -> None:
        for name in self.executors:
            self._running[name] = self._supervised(name, environments[name])
            self._running[name].start()
        known = {name: self._fixed_address(name, environments[name]) for name in self.executors}
        if not all(known.values()):  # free ports are known when they are bound
            await self._all_serving(self.executors)
            known = {name: self.address(name) for name in self.executors}
        gateway = environments[GATEWAY]
        gateway.setdefault(self._variable(GATEWAY, "EXECUTORS"), json.dumps(known))
        self._running[GATEWAY] = self._supervised(GATEWAY, gateway)
        self._running[GATEWAY].start()
        await self._all_serving(self._running)

    async def _all_serving(self, names: Iterable[str]) -> None:
        await together(self.wait_serving(name) for name in names)

    def _supervised(self, name: str, env: dict[str, str]) -> Supervised:
        service = self._services[name]
        return Supervised(
            name,
            [str(interpreter(service.folder)), "-m", service.module],
            env,
            keep=lambda serving: self._kept(name, serving),
            show=self._show,
            tell=self._tell,
            restart=self._restart,
        )

    def _variable(self, name: str, setting: str) -> str:
        return self._services[name].env_prefix + setting

    def _kept(self, name: str, serving: Serving) -> dict[str, str]:
        """The variables that keep a service's ports over a restart."""
        ports = {
            "PORT": serving.address,
            "METRICS_PORT": serving.metrics,
            "REST_PORT": serving.http,
        }
        return {
            self._variable(name, setting): address.rpartition(":")[2]
            for setting, address in ports.items()
            if address
        }

    def _env(self, service: Service) -> dict[str, str]:
        """All variables that a service starts with: ours, then settings, then the caller's own."""
        prefixes = tuple(each.env_prefix for each in all_services(self.layout.root).values())
        env = {
            name: value
            for name, value in os.environ.items()
            if self._inherit or not name.startswith(prefixes)
        }
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            env.pop(name, None)
        standard = self._ports == "standard"
        ports = {"PORT": service.port, "METRICS_PORT": service.metrics_port}
        for setting, port in ports.items():
            env.setdefault(service.env_prefix + setting, str(port if standard else 0))
        if standard and service.http_port:
            env.setdefault(f"{service.env_prefix}REST_PORT", str(service.http_port))
        for name, value in service.env.items():
            env.setdefault(name, substitute(value, service, self.layout))
        for setting, value in self._settings.get(service.name, {}).items():
            env[service.env_prefix + setting] = value
        env["EDGEMESH_CACHE"] = str(self.layout.cache)
        return env

    def _check_ports(self, environments: Mapping[str, Mapping[str, str]]) -> None:
        for name, env in environments.items():
            host = env.get(self._variable(name, "HOST"), HOST)
            for setting in ("PORT", "METRICS_PORT", "REST_PORT"):
                variable = self._variable(name, setting)
                if variable in env:
                    check_free(name, host, int(env[variable]), variable)

    def _fixed_address(self, name: str, env: Mapping[str, str]) -> str | None:
        """Where an executor will serve, if its port is fixed."""
        port = env[self._variable(name, "PORT")]
        return None if port == "0" else f"{env.get(self._variable(name, 'HOST'), HOST)}:{port}"
