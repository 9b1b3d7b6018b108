"""One entry of the models' folder, and what Describe says of it."""

from __future__ import annotations

from dataclasses import dataclass

from edgemesh.executor.v1 import executor_pb2

from edgemesh_executor_ml.derive import stem
from edgemesh_executor_ml.folder import Seen
from edgemesh_executor_ml.memory import Memory
from edgemesh_executor_ml.versions import Offering, Version

_MIB = 1 << 20


@dataclass(eq=False)
class Entry:
    """A folder or file, and the model that came in it."""

    name: str
    seen: Seen | None = None
    since: float = 0.0
    """When it was first seen as it is, Unix time."""
    due: bool = False
    """Whether it is to be looked at, when it is still."""
    looking: bool = False
    version: Version | None = None
    refused: str = ""
    """Why what lies there now is not served."""
    remedy: str = ""
    """What would mend that, where it is not the files."""

    def ready(self, now: float) -> bool:
        """Whether it is to be looked at now."""
        due = self.due and not self.looking
        return due and self.seen is not None and self.seen.still(self.since, now)

    def refuses(self, model: str) -> bool:
        """Whether a caller who names `model` means this one, and nothing of it is served."""
        file = stem(self.name)
        named = (self.name, file, file.partition("@")[0])
        return (
            bool(self.refused)
            and self.version is None
            and (model in named or model.partition("@")[0] == named[-1])
        )

    def told(self, offering: Offering, memory: Memory) -> list[executor_pb2.Plugin]:
        """What Describe says of it."""
        told: list[executor_pb2.Plugin] = []
        version = self.version
        if version is not None:
            default = offering.stable(version.manifest.name) is version
            state = executor_pb2.PLUGIN_STATE_SERVING if default else executor_pb2.PLUGIN_STATE_KEPT
            told.append(
                executor_pb2.Plugin(
                    name=version.manifest.name,
                    version=version.manifest.version,
                    file=self.name,
                    sha256=version.sha256,
                    state=state,
                    detail=_detail(version, offering, memory),
                    algorithms=version.names,
                )
            )
        if self.refused:
            refused = executor_pb2.PLUGIN_STATE_REFUSED
            name = self.name.partition("@")[0]
            told.append(
                executor_pb2.Plugin(name=name, file=self.name, state=refused, detail=self.refused)
            )
        return told


def _detail(version: Version, offering: Offering, memory: Memory) -> str:
    crew = memory.crew(version)
    how = "not loaded"
    if crew is not None:
        how = "loaded" if crew.serves else crew.error or "starting"
    share = offering.pin(version.manifest.name).share
    canary = offering.canary(version.manifest.name) is version
    gets = f", canary of {share:g} % of calls" if canary else ""
    return f"{how}, {-(-memory.needs(version) // _MIB)} MiB{gets}"
