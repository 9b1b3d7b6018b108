"""The gateway's own metrics: who waits, who runs, who is there.

Rules: read when they are asked for, so that a request pays nothing; labels are executors' names
from settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edgemesh_gateway.admit import Admission
from edgemesh_gateway.dispatch import Dispatcher
from edgemesh_gateway.endpoint import Endpoint


class Figures(Collector):
    """Gauges per executor, and of the house."""

    def __init__(
        self, endpoints: Sequence[Endpoint], admission: Admission, dispatcher: Dispatcher
    ) -> None:
        self._endpoints = endpoints
        self._admission = admission
        self._dispatcher = dispatcher

    def collect(self) -> Iterable[Metric]:
        """The figures now."""
        label = ["executor"]
        up = GaugeMetricFamily("edgemesh_executor_up", "Executors that are there", labels=label)
        slots = GaugeMetricFamily("edgemesh_slots", "Slots of an executor", labels=label)
        running = GaugeMetricFamily("edgemesh_running", "Requests that have a slot", labels=label)
        waiting = GaugeMetricFamily("edgemesh_waiting", "Requests that wait for one", labels=label)
        for endpoint in self._endpoints:
            name, lane = [endpoint.name], endpoint.lane
            up.add_metric(name, endpoint.ready)
            slots.add_metric(name, lane.slots)
            running.add_metric(name, lane.running)
            waiting.add_metric(name, lane.waiting)
        yield from (up, slots, running, waiting)
        yield GaugeMetricFamily(
            "edgemesh_held_bytes", "Bytes of admitted requests", value=self._admission.held_bytes
        )
        yield CounterMetricFamily(
            "edgemesh_sent_again",
            "Requests sent a second time, since they had not started",
            value=self._dispatcher.sent_again,
        )
