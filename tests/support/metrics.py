"""A service's figures, as Prometheus reads them."""

from __future__ import annotations

import asyncio
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Figures:
    """Samples of one moment: (name, labels) → value."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name that have those labels; 0 without any."""
        wanted = set(labels.items())
        return sum(v for (n, found), v in self.samples.items() if n == name and wanted <= found)


async def figures(address: str) -> Figures:
    """Ask a service's metrics port, host:port."""

    def read() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return answer.read().decode()

    text = await asyncio.to_thread(read)
    return Figures(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )


async def workers(address: str, state: str) -> int:
    """How many workers of an executor are in that state."""
    return int((await figures(address))("edgemesh_workers", state=state))


async def busy(address: str) -> int:
    """How many workers of an executor run something."""
    return await workers(address, "busy")
