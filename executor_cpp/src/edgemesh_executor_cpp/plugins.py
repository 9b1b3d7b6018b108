"""The plugins of some folders, loaded: which algorithm is whose.

Rules: a plugin that cannot be loaded, does not describe itself, or offers what another offers
already is left out and logged; the others are served.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from edgemesh.compute.v1 import algorithm_pb2

from edgemesh_cpp_host import Plugin, PluginLoadError
from edgemesh_executor_cpp import describe

_log: Final = logging.getLogger(__name__)


class NoPlugins(Exception):
    """None of the folders holds a plugin that can be served."""

    def __init__(self, folders: Iterable[str]) -> None:
        self.folders = tuple(folders)
        super().__init__(f"no plugin can be served from {', '.join(self.folders)}")


class Plugins:
    """Loaded plugins by what they offer."""

    def __init__(self, folders: Iterable[str]) -> None:
        """Load every `*.so` of the folders, by name. Raises NoPlugins."""
        folders = tuple(folders)
        self.algorithms: list[algorithm_pb2.Algorithm] = []
        self._owners: dict[tuple[str, str], Plugin] = {}
        self._loaded: list[Plugin] = []
        for folder in folders:
            for path in sorted(Path(folder).glob("*.so")):
                self._take(path)
        if not self._owners:
            raise NoPlugins(folders)

    def find(self, algorithm: str, version: str) -> Plugin:
        """The plugin that offers it. Raises KeyError."""
        return self._owners[algorithm, version]

    def close(self) -> None:
        """Close all."""
        self._owners.clear()
        while self._loaded:
            self._loaded.pop().close()

    def _take(self, path: Path) -> None:
        try:
            plugin = Plugin(path)
        except PluginLoadError as error:
            _log.warning("plugin refused: %s (%s)", error, error.reason)
            return
        try:
            offered = describe.algorithms(plugin.describe())
            for one in offered:
                if owner := self._owners.get((one.name, one.version)):
                    raise describe.BadDescription(
                        f"offers {one.name}@{one.version}, which {owner.path} offers"
                    )
        except (PluginLoadError, describe.BadDescription) as error:
            _log.warning("plugin refused: %s: %s", path, error)
            plugin.close()
            return
        self._loaded.append(plugin)
        self.algorithms += offered
        self._owners |= {(one.name, one.version): plugin for one in offered}
