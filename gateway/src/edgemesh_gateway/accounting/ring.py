"""The last requests of this process, by tenant and id.

Rules: bounded by number and by age, whichever is less; of several with one id the last counts.
Times are of the values themselves, so that nothing here has a clock.
"""

from __future__ import annotations

from edgemesh_gateway.accounting.happened import Happened


class Ring:
    """It."""

    def __init__(self, most: int, age_s: float) -> None:
        self._most, self._age_s = most, age_s
        # In the order of ends: the first is the oldest.
        self._all: dict[tuple[str, str], Happened] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, one: Happened) -> None:
        """Keep one more."""
        key = one.tenant, one.request_id
        self._all.pop(key, None)
        self._all[key] = one
        if len(self._all) > self._most:
            del self._all[next(iter(self._all))]

    def find(self, tenant: str, request_id: str, now: float) -> Happened | None:
        """One that is not too old."""
        found = self._all.get((tenant, request_id))
        return None if found is None or found.ended < now - self._age_s else found

    def prune(self, now: float) -> None:
        """Forget what is too old."""
        late = now - self._age_s
        while self._all:
            key = next(iter(self._all))
            if self._all[key].ended >= late:
                return
            del self._all[key]

    def erase(self, tenant: str, *, count_only: bool = False) -> int:
        """Forget all of a tenant's; how many they are."""
        keys = [key for key in self._all if key[0] == tenant]
        if not count_only:
            for key in keys:
                del self._all[key]
        return len(keys)
