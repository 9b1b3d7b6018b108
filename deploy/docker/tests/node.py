"""A cluster of one node, in namespaces of its own, with images of the engine's.

Rules: what runs is Kubernetes itself (node/node.sh; deploy/local/kubernetes says of what), and
Debian's etcd, containerd and plugins of networks. Nothing is left of it when it is closed. One at a
time: a machine has one control group for all pods.
"""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from mesh import ROOT, make_image, wait_for
from page import STRICT

OWN = Path(__file__).with_name("node")
PROGRAMS = (
    *("containerd", "etcd", "helm", "kube-apiserver", "kube-controller-manager", "kube-proxy"),
    *("kube-scheduler", "kubectl", "kubelet", "names"),
)
PAUSE = "edgemesh-tests-pause:latest"
OWN_NAMESPACES = (
    "setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc"
)
BEGUN_S = 180.0
STATE = """
kubectl get pods --all-namespaces --output wide
kubectl get events --all-namespaces | tail -n 30
kubectl logs postgres | tail -n 5
kubectl -n mesh logs --prefix --selector app.kubernetes.io/name=edgemesh | tail -n 30
"""
"""What tells why something does not come."""


class Node:
    """It is ready inside its `with`; its programs are those of PATH."""

    def __init__(self, folder: Path, images: Mapping[str, str]) -> None:
        """`images`: the name that each is to have in the cluster, and its own, with its tag."""
        self._folder, self._images = folder, images
        self._env = {**os.environ, "KUBECONFIG": str(folder / "admin.conf"), "HOME": str(folder)}
        self._inside, self._held = 0, -1
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Node:
        with (self._folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [*OWN_NAMESPACES.split(), "bash", OWN / "node.sh", self._folder],
                env=self._env,
                stdout=said,
                stderr=said,
            )
        try:
            wait_for(self._begun, BEGUN_S, "its services have begun")
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
            self._inside = int(children.read_text())
            self._held = os.pidfd_open(self._inside)
            self._bring()
            self.run("kubectl wait --for=condition=Ready node/node --timeout=60s")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._process.kill()  # and by that all that has come of it
            self._process.wait()
            if self._held >= 0:
                assert select.select([self._held], [], [], 30)[0], "the node goes on"
                os.close(self._held)
            groups = Path("/sys/fs/cgroup")
            for group in (groups / "kubepods", *groups.glob("*/kubepods")):
                wait_for(lambda group=group: _gone(group), 30, f"{group} is empty")
        finally:
            shutil.rmtree(self._folder)

    def run(self, text: str, folder: Path | None = None) -> str:
        """What a text of bash says inside. Raises AssertionError where a command fails."""
        done = self._run(text, folder or ROOT)
        if done.returncode:
            self._check()
            state = self._run(STATE, ROOT).stdout
            raise AssertionError(f"{text}: {done.stdout}{done.stderr}\n{state}")
        return done.stdout

    def _run(self, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *("nsenter", f"--target={self._inside}", "--net", "--mount", "--pid"),
                *("bash", "-c", f"{STRICT}cd {shlex.quote(str(folder))}\n{text}"),
            ],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )

    def _check(self) -> None:
        assert self._process.poll() is None, (self._folder / "said").read_text()

    def _begun(self) -> bool:
        self._check()
        return (self._folder / "begun").exists()

    def _bring(self) -> None:
        make_image(OWN, PAUSE)
        ctr = f"ctr --address {self._folder}/containerd.sock --namespace k8s.io images"
        self.run(f"docker save {' '.join({*self._images.values(), PAUSE})} | {ctr} import -")
        names = {"docker.io/library/pause:local": PAUSE, **self._images}
        for name, image in names.items():
            self.run(f"{ctr} tag docker.io/library/{image} {name}")


def _gone(group: Path) -> bool:
    """Whether a control group and all below it could be removed: nothing runs in it any more."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)
    except OSError:
        return False
    return True
