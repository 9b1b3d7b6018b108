"""What the house's executors differ in. One more executor is one more line.

Rules: a table. What is not in it can be run too: then its port has to be said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

GATEWAY = "gateway:50051"
"""Where an executor finds its gateway: by the alias that it has in every network of a fleet."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An executor, by what its containers need."""

    port: int
    """On which it serves gRPC."""
    pids: int = 256
    """Processes and threads that it may have."""
    alone: bool = False
    """Whether one process at a time may have its state: a second one would not start."""
    environment: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What it is told beside where its secret is."""


KINDS: MappingProxyType[str, Kind] = MappingProxyType(
    {
        "cpp": Kind(port=50061),
        "ml": Kind(port=50062),
        "pywasm": Kind(
            port=50063,
            pids=512,
            # Its sessions.
            alone=True,
            environment=MappingProxyType(
                {
                    "EDGEMESH_PYWASM_GATEWAY": GATEWAY,
                    # There is no way out of its network.
                    "EDGEMESH_PYWASM_OFFLINE": "true",
                }
            ),
        ),
    }
)
