"""What metrics say, as a page wants it: of the gateway, and of executors' workers.

Rules: knows the names and labels that `docs/operations.md` lists, and no transport; a figure that
is missing is 0, so that a gateway of another version is shown as far as it is understood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

WORKER_STATES = ("busy", "idle", "spare", "starting", "stopping")
_FAILED = frozenset(
    {"INTERNAL", "UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "DATA_LOSS"}
)
"""Codes of what the mesh did not do, though it was asked rightly."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One process that serves an executor's name."""

    address: str
    up: bool
    slots: int
    running: int


@dataclass(frozen=True, slots=True)
class ExecutorFigures:
    """An executor, as the gateway sees it."""

    name: str
    up: bool
    slots: int
    running: int
    waiting: int
    replicas: tuple[Replica, ...]
    waiting_by_class: Mapping[str, int]
    waiting_by_tenant: Mapping[str, int]
    shed: int
    late: int
    queue_bytes: int


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """The gateway at one moment."""

    rpcs: int
    """Answered since it began."""
    failed: int
    """Of these, what the mesh did not do though it was asked rightly."""
    in_flight: int
    held_bytes: int
    jobs: Mapping[str, int]
    executors: tuple[ExecutorFigures, ...]


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """The workers of one executor, by state."""

    by_state: Mapping[str, int] = field(default_factory=dict[str, int])
    waiting: int = 0
    exits: int = 0


class Scraped:
    """The samples of a metrics page, by name."""

    def __init__(self, text: str) -> None:
        self._samples: defaultdict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples[sample.name].append((sample.labels, sample.value))

    def total(self, name: str, **labels: str) -> int:
        """The sum of all samples that have these labels."""
        return int(
            sum(
                value
                for found, value in self._samples[name]
                if all(found.get(label) == wanted for label, wanted in labels.items())
            )
        )

    def by(self, name: str, label: str, **labels: str) -> dict[str, int]:
        """Their sums by one label, those that are 0 too."""
        sums: dict[str, int] = {}
        for found, value in self._samples[name]:
            if all(found.get(each) == wanted for each, wanted in labels.items()):
                sums[found.get(label, "")] = sums.get(found.get(label, ""), 0) + int(value)
        return sums


def read_gateway(text: str) -> GatewayFigures:
    """Of a gateway's metrics."""
    told = Scraped(text)
    codes = told.by("edgemesh_rpcs_total", "code")
    return GatewayFigures(
        rpcs=sum(codes.values()),
        failed=sum(count for code, count in codes.items() if code in _FAILED),
        in_flight=told.total("edgemesh_rpcs_in_flight"),
        held_bytes=told.total("edgemesh_held_bytes"),
        jobs=told.by("edgemesh_jobs", "state"),
        executors=tuple(
            _executor(told, name) for name in told.by("edgemesh_executor_up", "executor")
        ),
    )


def _executor(told: Scraped, name: str) -> ExecutorFigures:
    slots = told.by("edgemesh_replica_slots", "address", executor=name)
    running = told.by("edgemesh_replica_running", "address", executor=name)
    ready = told.by("edgemesh_replica_up", "address", executor=name)
    return ExecutorFigures(
        name=name,
        up=told.total("edgemesh_executor_up", executor=name) > 0,
        slots=told.total("edgemesh_slots", executor=name),
        running=told.total("edgemesh_running", executor=name),
        waiting=told.total("edgemesh_waiting", executor=name),
        replicas=tuple(
            Replica(address, up > 0, slots.get(address, 0), running.get(address, 0))
            for address, up in ready.items()
        ),
        waiting_by_class=told.by("edgemesh_queue_requests", "class", executor=name),
        waiting_by_tenant=told.by("edgemesh_queue_tenant_requests", "tenant", executor=name),
        shed=told.total("edgemesh_queue_shed_total", executor=name),
        late=told.total("edgemesh_queue_late_total", executor=name),
        queue_bytes=told.total("edgemesh_queue_bytes", executor=name),
    )


def read_workers(text: str) -> WorkerFigures:
    """Of an executor's metrics."""
    told = Scraped(text)
    found = told.by("edgemesh_workers", "state")
    return WorkerFigures(
        by_state={state: found.get(state, 0) for state in WORKER_STATES},
        waiting=told.total("edgemesh_pool_waiting"),
        exits=told.total("edgemesh_worker_exits_total"),
    )
