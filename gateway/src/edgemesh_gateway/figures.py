"""The gateway's own metrics: who waits, who runs, who is there.

Rules: read when they are asked for, so that a request pays nothing; labels are executors' names
and their replicas' addresses from settings, classes, and tenants that the policy names
(MOST_TENANTS at most; the rest is OTHER).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from edgemesh_gateway.admit import Admission
from edgemesh_gateway.dispatch import Dispatcher
from edgemesh_gateway.executor import Executor
from edgemesh_gateway.schedule import CLASS_NAMES
from edgemesh_gateway.scheduling import WAIT_BUCKETS_S

MOST_TENANTS = 100
OTHER = "(others)"
_BOUNDS = (*map(str, WAIT_BUCKETS_S), "+Inf")


class Figures(Collector):
    """Gauges per executor, and of the house."""

    def __init__(
        self,
        executors: Sequence[Executor],
        admission: Admission,
        dispatcher: Dispatcher,
        named: Callable[[], Iterable[str]],
    ) -> None:
        """`named`: tenants that the policy names."""
        self._executors = executors
        self._admission = admission
        self._dispatcher = dispatcher
        self._named = named

    def collect(self) -> Iterable[Metric]:
        """The figures now."""
        label = ["executor"]
        up = GaugeMetricFamily("edgemesh_executor_up", "Executors that are there", labels=label)
        slots = GaugeMetricFamily("edgemesh_slots", "Slots of an executor", labels=label)
        running = GaugeMetricFamily("edgemesh_running", "Requests that have a slot", labels=label)
        waiting = GaugeMetricFamily(
            "edgemesh_waiting", "Requests that wait for a slot", labels=label
        )
        for executor in self._executors:
            name, lane = [executor.name], executor.lane
            up.add_metric(name, executor.ready)
            slots.add_metric(name, lane.slots)
            running.add_metric(name, lane.running)
            waiting.add_metric(name, lane.waiting)
        yield from (up, slots, running, waiting)
        yield from self._by_replica()
        yield from self._by_class()
        yield self._by_tenant()
        yield GaugeMetricFamily(
            "edgemesh_held_bytes", "Bytes of admitted requests", value=self._admission.held_bytes
        )
        yield CounterMetricFamily(
            "edgemesh_sent_again",
            "Requests sent a second time, since they had not started",
            value=self._dispatcher.sent_again,
        )

    def _by_replica(self) -> Iterable[Metric]:
        labels = ["executor", "address"]
        up = GaugeMetricFamily("edgemesh_replica_up", "Replicas that are ready", labels=labels)
        slots = GaugeMetricFamily("edgemesh_replica_slots", "Slots of a replica", labels=labels)
        running = GaugeMetricFamily(
            "edgemesh_replica_running", "Slots of a replica that are taken", labels=labels
        )
        left_out = CounterMetricFamily(
            "edgemesh_replica_left_out",
            "Times that a replica was left out, since it failed",
            labels=labels,
        )
        for executor in self._executors:
            lane = executor.lane
            for endpoint, count, taken in zip(
                executor.endpoints, lane.slots_of, lane.running_of, strict=True
            ):
                values = [executor.name, endpoint.address]
                up.add_metric(values, endpoint.ready)
                slots.add_metric(values, count)
                running.add_metric(values, taken)
                left_out.add_metric(values, executor.outliers[endpoint].times)
        yield from (up, slots, running, left_out)

    def _by_class(self) -> Iterable[Metric]:
        labels = ["executor", "class"]
        running = GaugeMetricFamily("edgemesh_slots_in_use", "Slots taken", labels=labels)
        waiting = GaugeMetricFamily("edgemesh_queue_requests", "Requests that wait", labels=labels)
        size = GaugeMetricFamily(
            "edgemesh_queue_bytes", "Bytes of requests that wait", labels=labels
        )
        shed = CounterMetricFamily(
            "edgemesh_queue_shed", "Requests sent away, since the queue was full", labels=labels
        )
        late = CounterMetricFamily(
            "edgemesh_queue_late", "Requests whose deadline passed in the queue", labels=labels
        )
        wait = HistogramMetricFamily(
            "edgemesh_queue_wait_seconds",
            "Time to get a slot, of those that had to wait and got one",
            labels=labels,
        )
        for executor in self._executors:
            lane = executor.lane
            tally, shares, taken = lane.tally, lane.queue.shares, lane.running_by_class
            for rank, name in enumerate(CLASS_NAMES):
                values = [executor.name, name]
                running.add_metric(values, taken[rank])
                waiting.add_metric(values, shares.counts[rank])
                size.add_metric(values, shares.sizes[rank])
                shed.add_metric(values, tally.shed[rank])
                late.add_metric(values, tally.late[rank])
                buckets = zip(_BOUNDS, accumulate(tally.buckets[rank]), strict=True)
                wait.add_metric(values, list(buckets), tally.waited_s[rank])
        yield from (running, waiting, size, shed, late, wait)

    def _by_tenant(self) -> Metric:
        waiting = GaugeMetricFamily(
            "edgemesh_queue_tenant_requests",
            "Requests that wait, of tenants that the policy names",
            labels=["executor", "tenant"],
        )
        names = list(islice(self._named(), MOST_TENANTS))
        for executor in self._executors:
            queue = executor.lane.queue
            counts = {name: queue.shares.of(name) for name in names}
            for name, count in counts.items():
                waiting.add_metric([executor.name, name], count)
            others = max(0, len(queue) - sum(counts.values()))
            waiting.add_metric([executor.name, OTHER], others)
        return waiting
