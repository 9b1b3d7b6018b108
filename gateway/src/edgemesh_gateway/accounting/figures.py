"""Metrics of accounting."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edgemesh_gateway.accounting.accounts import Accounts


class Figures(Collector):
    """Read when they are asked for."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def collect(self) -> Iterable[Metric]:
        """The figures now."""
        yield GaugeMetricFamily(
            "edgemesh_request_records",
            "Records of requests in this process's memory",
            value=len(self._accounts.ring),
        )
        yield CounterMetricFamily(
            "edgemesh_request_records_lost",
            "Records of requests that came faster than the database took them",
            value=self._accounts.lost,
        )
