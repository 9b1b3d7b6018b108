"""A Prometheus that asks a running mesh, by the files that are here: nothing that they ask for is
missing.

Rules: what a metric needs so that it is there is done first: calls, a refusal, a session, a job, a
worker that is killed, an executor that is stopped, a gateway with a certificate.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import expressions
import grpc
import pytest
import yaml
from edgemesh.compute.v1 import job_pb2, job_pb2_grpc, session_pb2
from expressions import ALERTS, HERE
from support import processes, rpc
from support.launch import launched
from support.subject import SUBJECTS
from support.wait import until

from edgemesh_local.mesh import Mesh
from edgemesh_local.ports import free_port

PROMETHEUS = shutil.which("prometheus")
EXECUTORS = ("cpp", "pywasm")
STOPPED = "cpp"
WITHIN_S = 120.0

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None and "CI" not in os.environ, reason="Debian's prometheus is not installed"
)


class Prometheus:
    """One that runs."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def ask(self, path: str, **fields: str) -> Any:
        """What it answers. Raises OSError."""
        url = f"http://{self._address}/{path}?{urllib.parse.urlencode(fields)}"

        def read() -> Any:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]

        return await asyncio.to_thread(read)

    async def there(self) -> bool:
        try:
            return bool((await self.ask("api/v1/targets"))["activeTargets"])
        except OSError:
            return False

    async def missing(self) -> list[str]:
        """Where something is asked for that there is not."""
        found: list[str] = []
        for each in expressions.expressions():
            if not (await self.ask("api/v1/query", query=each.figure))["result"]:
                found.append(f"{each.where}: {each.figure}")
        return found

    async def raised(self) -> set[str]:
        """Alerts that fire, or will if it stays so."""
        told = (await self.ask("api/v1/alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in told}


def configured(targets: dict[str, list[str]]) -> str:
    """The configuration that is here, with these targets, and in a hurry."""
    config = yaml.safe_load((HERE / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(config["global"], "1s")
    config["rule_files"] = [str(ALERTS)]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    config["scrape_configs"] = [
        {**jobs[name], "static_configs": [{"targets": addresses}]}
        for name, addresses in targets.items()
    ]
    return yaml.safe_dump(config)


@asynccontextmanager
async def prometheus(folder: Path, targets: dict[str, list[str]]) -> AsyncGenerator[Prometheus]:
    (folder / "prometheus.yml").write_text(configured(targets))
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    assert PROMETHEUS is not None
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stderr=log,
        )
    try:
        running = Prometheus(address)
        await until(running.there, f"Prometheus; see {folder / 'log'}", WITHIN_S)
        yield running
    finally:
        process.kill()
        await process.wait()


def certificate(folder: Path) -> dict[str, str]:
    """The settings of a gateway that shows one."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=a"
    subprocess.run(
        ["openssl", *made.split(), "-keyout", key, "-out", chain], check=True, capture_output=True
    )
    return {"TLS_CERTIFICATE": str(chain), "TLS_KEY": str(key)}


async def use(mesh: Mesh) -> None:
    """Do what figures are told of only when it has happened."""
    async with rpc.connect(mesh.address("gateway")) as peer:
        for name in mesh.executors:
            response = await peer.compute.Compute(SUBJECTS[name].quick(3), timeout=60)
            SUBJECTS[name].check(3, response)
        unknown = session_pb2.GetSessionRequest(session_id="none")
        assert (await rpc.refused(peer.sessions.GetSession(unknown))).reason == "UNKNOWN_SESSION"
        job = job_pb2.SubmitJobRequest(request=SUBJECTS["pywasm"].quick(4))
        await job_pb2_grpc.JobServiceStub(peer.channel).SubmitJob(job, timeout=60)
        os.kill(processes.children(mesh.pid("pywasm"))[0], signal.SIGKILL)
        await mesh.stop_service(STOPPED)
        refused = await rpc.refused(peer.compute.Compute(SUBJECTS[STOPPED].quick(5), timeout=60))
        assert refused.code == grpc.StatusCode.UNAVAILABLE


async def test_nothing_that_is_asked_for_is_missing(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        own = {"gateway": {"DATABASE": f"sqlite:///{tmp_path / 'gateway.db'}"}}
        mesh = await stack.enter_async_context(Mesh(EXECUTORS, settings=own))
        secure = await stack.enter_async_context(
            launched(
                "gateway",
                DATABASE=f"sqlite:///{tmp_path / 'secure.db'}",
                EXECUTORS=json.dumps({"pywasm": mesh.address("pywasm")}),
                **certificate(tmp_path),
            )
        )
        targets = {name: [mesh.metrics(name)] for name in ("gateway", *EXECUTORS)}
        targets["gateway"].append(secure.metrics)
        running = await stack.enter_async_context(prometheus(tmp_path, targets))
        await use(mesh)
        missing: list[str] = []

        async def whole() -> bool:
            missing[:] = await running.missing()
            return not missing

        try:
            await until(whole, "a series for each expression", WITHIN_S)
        except AssertionError:
            pytest.fail("no series:\n" + "\n".join(missing))
        expected = {"ExecutorAway", "ReplicaAway", "ServiceNotScraped"}

        async def told() -> bool:
            return expected <= await running.raised()

        await until(told, f"alerts of {STOPPED}", WITHIN_S)
