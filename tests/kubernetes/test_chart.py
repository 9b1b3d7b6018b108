"""The chart: what Helm makes of it is what Kubernetes takes, walled off, and fits together."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "kubernetes" / "edgemesh"
PAGE = ROOT / "docs" / "deploy.md"
HELM = shutil.which("helm")
VERSIONS = ("1.27", "1.33")
PARTS = ("cpp", "ml", "pywasm")
DATABASE = "database.urlSecret=postgres"
EVERYTHING = (
    DATABASE,
    "gateway.replicas=3",
    "gateway.policy=policy",
    "gateway.settings.LOG_LEVEL=DEBUG",
    "gateway.storage.className=fast",
    "gateway.files=files",
    "gateway.egress[0].ports[0].port=443",
    "env.OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317",
    "scrapers[0].namespaceSelector.matchLabels.team=operations",
    "cpp.egress[0].ports[0].port=4317",
    "gateway.from[0].namespaceSelector.matchLabels.team=physics",
    "image.registry=registry.example/mesh",
    "image.pullSecrets[0]=login",
    "runtimeClassName=youki",
    "cpp.autoscaling.enabled=true",
    "cpp.plugins=plugins",
    "ml.models=models",
    "ml.settings.DEVICE=cpu",
    "pywasm.replicas=2",
    "pywasm.storage.className=fast",
    "nodeSelector.disk=ssd",
    "tolerations[0].key=compute",
    "tolerations[0].operator=Exists",
)
VARIANTS = {
    "default": (),
    "everything": EVERYTHING,
    "one executor": ("ml.enabled=false", "pywasm.enabled=false", "scrape=false"),
}
Document = dict[str, Any]

pytestmark = pytest.mark.skipif(
    HELM is None and "CI" not in os.environ, reason="helm is not installed"
)


def helm(*settings: str, release: str = "mesh") -> subprocess.CompletedProcess[str]:
    words = [word for setting in settings for word in ("--set", setting)]
    assert HELM is not None
    return subprocess.run(
        [
            HELM,
            "template",
            release,
            str(CHART),
            "--namespace=lab",
            f"--kube-version={VERSIONS[-1]}.0",
            *words,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def rendered(*settings: str, release: str = "mesh") -> list[Document]:
    done = helm(*settings, release=release)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def of_kind(documents: list[Document], *kinds: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in documents if each["kind"] in kinds}


def pods(documents: list[Document]) -> dict[str, Document]:
    found = of_kind(documents, "Deployment", "StatefulSet")
    return {name: each["spec"]["template"] for name, each in found.items()}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_it(settings: tuple[str, ...], version: str) -> None:
    for each in rendered(*settings):
        kubernetes_validate.validate(each, version, strict=True)


def test_helm_has_nothing_to_say_against_it() -> None:
    assert HELM is not None
    done = subprocess.run([HELM, "lint", "--strict", str(CHART)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_every_pod_keeps_to_the_restricted_standard(settings: tuple[str, ...]) -> None:
    for name, pod in pods(rendered(*settings)).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] != 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "privileged": False,
            "capabilities": {"drop": ["ALL"]},
        }
        kinds = {kind for each in spec["volumes"] for kind in each if kind != "name"}
        assert kinds <= {"secret", "emptyDir", "configMap", "persistentVolumeClaim"}
        for each in container["env"]:  # secrets are files, or of a Secret
            assert "value" in each or each["valueFrom"].keys() <= {"secretKeyRef", "fieldRef"}
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_the_gateway_knows_each_replica_by_a_name_that_there_will_be(
    settings: tuple[str, ...],
) -> None:
    documents = rendered(*settings)
    sets, services = of_kind(documents, "StatefulSet"), of_kind(documents, "Service")
    scalers = of_kind(documents, "HorizontalPodAutoscaler")
    (container,) = pods(documents)["mesh-gateway"]["spec"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    executors = json.loads(env["EDGEMESH_GATEWAY_EXECUTORS"])
    assert {f"mesh-{name}" for name in executors} == sets.keys()
    for name, addresses in executors.items():
        stateful, service = sets[f"mesh-{name}"], services[f"mesh-{name}"]
        assert stateful["spec"]["serviceName"] == service["metadata"]["name"]
        labels = stateful["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert stateful["spec"]["selector"]["matchLabels"].items() <= labels.items()
        most = stateful["spec"].get("replicas")
        if most is None:
            most = scalers[f"mesh-{name}"]["spec"]["maxReplicas"]
        port = service["spec"]["ports"][0]["port"]
        assert addresses == [
            f"mesh-{name}-{number}.mesh-{name}.lab.svc:{port}" for number in range(most)
        ]


def test_executors_are_reached_by_the_gateway_alone_and_reach_nobody() -> None:
    documents = rendered()
    policies = of_kind(documents, "NetworkPolicy")
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(documents).items()}

    def named(peers: list[Document]) -> set[str]:
        found: set[str] = set()
        for peer in peers:
            wanted = peer["podSelector"]["matchLabels"]
            if wanted == {"k8s-app": "kube-dns"}:
                found.add("dns")
            found |= {name for name, own in labels.items() if wanted.items() <= own.items()}
        return found

    for part in PARTS:
        spec = policies[f"mesh-{part}"]["spec"]
        assert spec["podSelector"]["matchLabels"].items() <= labels[f"mesh-{part}"].items()
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        calls, metrics = spec["ingress"]
        assert named(calls["from"]) == {"mesh-gateway"}
        assert [each["port"] for each in metrics["ports"]] == [9061 + PARTS.index(part)]
        reached = [named(each["to"]) for each in spec["egress"]]
        assert reached == ([{"mesh-gateway"}, {"dns"}] if part == "pywasm" else [])
    out = policies["mesh-gateway"]["spec"]["egress"]
    assert [named(each["to"]) for each in out] == [
        {"mesh-cpp"},
        {"mesh-ml"},
        {"mesh-pywasm"},
        {"dns"},
    ]


def test_what_a_cluster_has_beside_the_mesh_is_reached_and_read_where_it_is_named() -> None:
    documents = rendered(*EVERYTHING)
    policies = of_kind(documents, "NetworkPolicy")
    assert {"ports": [{"port": 443}]} in policies["mesh-gateway"]["spec"]["egress"]
    assert {"ports": [{"port": 4317}]} in policies["mesh-cpp"]["spec"]["egress"]
    assert policies["mesh-ml"]["spec"]["egress"] == []
    scrapers = [{"namespaceSelector": {"matchLabels": {"team": "operations"}}}]
    for each in policies.values():
        assert each["spec"]["ingress"][-1]["from"] == scrapers
    for name, pod in pods(documents).items():
        (container,) = pod["spec"]["containers"]
        env = {each["name"]: each.get("value") for each in container["env"]}
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4317"
        volumes = [each for each in pod["spec"]["volumes"] if "secret" in each]
        secrets = {each["name"]: each["secret"] for each in volumes}
        assert [item["key"] for item in secrets["secret"]["items"]] == ["mesh.toml"]
        assert ("files" in secrets) == (name == "mesh-gateway")


def test_parts_of_a_release_with_a_long_name_have_names_of_their_own() -> None:
    documents = rendered(*EVERYTHING, release="r" * 53)
    assert len(of_kind(documents, "Service")) == 4
    for name in pods(documents):
        assert len(f"{name}-0123456789") <= 63  # what a StatefulSet adds for its revisions


def test_a_database_of_its_own_keeps_one_gateway_and_another_lets_there_be_several() -> None:
    documents = rendered()
    gateway = of_kind(documents, "Deployment")["mesh-gateway"]["spec"]
    assert (gateway["replicas"], gateway["strategy"]) == (1, {"type": "Recreate"})
    assert "mesh-gateway" in of_kind(documents, "PersistentVolumeClaim")
    documents = rendered(DATABASE, "gateway.replicas=3")
    gateway = of_kind(documents, "Deployment")["mesh-gateway"]["spec"]
    assert gateway["replicas"] == 3
    assert gateway["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert not of_kind(documents, "PersistentVolumeClaim")
    assert "mesh-gateway" in of_kind(documents, "PodDisruptionBudget")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("gateway.replicas=2", "needs database.urlSecret"),
        ("gateway.replica=2", "replica"),
        ("cpp.replicas=0", "cpp"),
        ("ml.settings.threads=4", "threads"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("secret=", "secret"),
        ("cpp.models=claim", "models"),
        ("ml.plugins=claim", "plugins"),
        ("cpp.enabled=false,ml.enabled=false,pywasm.enabled=false", "no executor is enabled"),
    ],
)
def test_what_cannot_be_is_refused_by_name(setting: str, told: str) -> None:
    done = helm(setting)
    assert done.returncode != 0
    assert told in done.stderr


def test_what_the_page_has_one_type_is_taken() -> None:
    """Without a cluster: each flag is one of Helm's, and each setting one of the chart's."""
    assert HELM is not None
    known = subprocess.run([HELM, "upgrade", "--help"], capture_output=True, text=True, check=True)
    commands = re.findall(
        r"^ *helm upgrade (.*)$", PAGE.read_text().replace("\\\n", " "), re.MULTILINE
    )
    assert len(commands) == 2
    for command in commands:
        words = shlex.split(command)
        assert all(f"{word} " in known.stdout for word in words if word.startswith("--")), command
        settings = [word for before, word in itertools.pairwise(words) if before == "--set"]
        assert settings
        assert rendered(*settings)
