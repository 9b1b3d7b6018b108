"""The snapshots that a worker has met, by the keys under which its front keeps them.

Rules: the front's word for a key is trusted, its bytes are checked by `Snapshot.from_bytes`; they
are read once, and what was used longest ago goes first.
"""

from __future__ import annotations

from collections import OrderedDict

from edgemesh_sandbox import Snapshot, SnapshotError
from mesh_service.executor import InvalidInput

MOST = 16


class Snapshots:
    """A few of them."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._known: OrderedDict[str, Snapshot] = OrderedDict()

    def find(self, key: str, data: memoryview) -> Snapshot:
        """The snapshot of that key, which are these bytes. Raises InvalidInput for others."""
        snapshot = self._known.get(key)
        if snapshot is None:
            try:
                snapshot = Snapshot.from_bytes(bytes(data), image=self._image)
            except SnapshotError as error:
                raise InvalidInput({"image": str(error)}) from error
            self._known[key] = snapshot
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return snapshot
