"""What tenants have taken of what they may: calls in a time, calls at once, seconds of slots.

Rules: one book for both data paths, kept where the calls are counted; the native one lets in by it
what surely may come in, and leaves all else to be judged here. Calls in a time are counted by
`limits`, by windows: what is left of one is written into the book as credits at once, so that a
call costs a look there. Nothing is taken for a request that another rule refuses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from edgemesh_gateway.policy import Policy, Rules
from mesh_service import errors

if TYPE_CHECKING:
    from limits.strategies import FixedWindowRateLimiter

RETRY_AT_ONCE_S = 0.1


class Book(Protocol):
    """Where it is counted; `counters.Pages` and `Own` are such."""

    def set_rules(self, tenant: str, rules: Rules, spent: bool) -> None:
        """Say what a tenant may."""

    def enter(self, tenant: str) -> bool:
        """Count a call in; False: there are as many as may be."""
        ...

    def leave(self, tenant: str) -> None:
        """Count it out."""

    def credit(self, tenant: str, calls: int, seconds: float) -> None:
        """So many calls may begin within the time, instead of what was left."""

    def spend(self, tenant: str) -> bool:
        """Take one of these; False: there is none."""
        ...

    def take_ran(self) -> list[tuple[str, float]]:
        """Seconds of slots that were held there since the last call."""
        ...


class _Page:
    def __init__(self) -> None:
        self.inside = 0
        self.most: int | None = None
        self.credits = 0
        self.until = 0.0


class Own:
    """A book of this process's own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pages: dict[str, _Page] = {}

    def _page(self, tenant: str) -> _Page:
        return self._pages.setdefault(tenant, _Page())

    def set_rules(self, tenant: str, rules: Rules, spent: bool) -> None:
        """Say what a tenant may."""
        self._page(tenant).most = rules.concurrency

    def enter(self, tenant: str) -> bool:
        """Count a call in; False: there are as many as may be."""
        page = self._page(tenant)
        fits = page.most is None or page.inside < page.most
        page.inside += fits
        return fits

    def leave(self, tenant: str) -> None:
        """Count it out."""
        self._page(tenant).inside -= 1

    def credit(self, tenant: str, calls: int, seconds: float) -> None:
        """So many calls may begin within the time, instead of what was left."""
        page = self._page(tenant)
        page.credits, page.until = calls, self._clock() + seconds

    def spend(self, tenant: str) -> bool:
        """Take one of these; False: there is none."""
        page = self._page(tenant)
        good = page.credits > 0 and self._clock() < page.until
        page.credits -= good
        return good

    def take_ran(self) -> list[tuple[str, float]]:
        """Nobody holds a slot without Python's knowing."""
        return []


class Allowance:
    """Judges by the rules what the book has."""

    def __init__(self, book: Book, policy: Policy | None = None) -> None:
        """`policy`: None where there is none, and nothing is limited."""
        self._book = book
        self._policy = policy
        self._known: dict[str, Rules] = {}
        self._spent: dict[str, float] = {}
        self._windows: FixedWindowRateLimiter | None = None
        self.refused: dict[str, int] = {"rate": 0, "concurrency": 0, "compute": 0}
        """How many requests each limit has refused."""

    def rules(self, tenant: str) -> Rules:
        """A tenant's rules, which the book knows from then on."""
        known = self._known.get(tenant)
        if known is None:
            known = Rules() if self._policy is None else self._policy.of(tenant)
            self._known[tenant] = known
            self._book.set_rules(tenant, known, self._over(tenant, known))
        return known

    def weight(self, tenant: str) -> float:
        """A tenant's share, beside others', of the slots that are waited for."""
        return self.rules(tenant).weight

    def most_running(self) -> Mapping[str, int]:
        """How many of an algorithm run at once, where that is limited."""
        return {} if self._policy is None else self._policy.most_running

    def named(self) -> Iterable[str]:
        """The tenants that the policy names."""
        return () if self._policy is None else self._policy.tenants

    def scopes(self, tenant: str) -> tuple[str, ...] | None:
        """What a tenant may do; None: there is no policy."""
        rules = self.rules(tenant)
        return None if self._policy is None else rules.scopes

    def set_policy(self, policy: Policy) -> None:
        """From now on another one holds; those who are inside stay."""
        before, self._policy, self._known = self._known, policy, {}
        for tenant, old in before.items():
            if self.rules(tenant).rate != old.rate:
                self._book.credit(tenant, 0, 0.0)

    def enter(self, tenant: str, *, counted: bool) -> None:
        """Let a call begin. `counted`: whether it counts among those at once; then it has to leave.

        Raises ComputeSpent, TooManyAtOnce, RateLimited.
        """
        rules = self.rules(tenant)
        if (most := rules.compute_seconds_per_day) is not None and self._over(tenant, rules):
            self.refused["compute"] += 1
            raise errors.ComputeSpent(tenant, f"{most:g}", until_tomorrow(time.time()))
        if counted and not self._book.enter(tenant):
            self.refused["concurrency"] += 1
            raise errors.TooManyAtOnce(tenant, str(rules.concurrency), RETRY_AT_ONCE_S)
        if rules.rate is None or self._book.spend(tenant):
            return
        wait = self._lease(tenant, rules.rate)
        if wait is not None:
            if counted:
                self._book.leave(tenant)
            self.refused["rate"] += 1
            raise errors.RateLimited(tenant, rules.rate, wait)

    def leave(self, tenant: str) -> None:
        """A call that was counted has ended."""
        self._book.leave(tenant)

    def set_spent(self, spent: dict[str, float]) -> None:
        """Seconds that tenants have had today."""
        before, self._spent = self._spent, spent
        for tenant in before.keys() | spent.keys():
            rules = self._known.get(tenant)
            if rules is not None and before.get(tenant) != spent.get(tenant):
                self._book.set_rules(tenant, rules, self._over(tenant, rules))

    def limited(self, tenant: str) -> bool:
        """Whether a tenant's seconds are limited."""
        return self.rules(tenant).compute_seconds_per_day is not None

    def take_ran(self) -> list[tuple[str, float]]:
        """Seconds of slots that this process did not see."""
        return self._book.take_ran()

    def _over(self, tenant: str, rules: Rules) -> bool:
        most = rules.compute_seconds_per_day
        return most is not None and self._spent.get(tenant, 0.0) >= most

    def _lease(self, tenant: str, rate: str) -> float | None:
        """Take one call of a window, and the rest of it into the book.

        None, or in how many seconds there is another window.
        """
        import limits  # where no tenant has a rate, a quarter of a second saved
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter

        if self._windows is None:
            self._windows = FixedWindowRateLimiter(MemoryStorage())
        item = limits.parse(rate)
        stats = self._windows.get_window_stats(item, tenant)
        left = max(stats.reset_time - time.time(), 0.001)
        if stats.remaining <= 0:
            return left
        self._windows.hit(item, tenant, cost=stats.remaining)
        # A window that is new begins with this.
        left = max(self._windows.get_window_stats(item, tenant).reset_time - time.time(), 0.001)
        self._book.credit(tenant, stats.remaining - 1, left)
        return None


def until_tomorrow(now: float) -> float:
    """Seconds until the next day of UTC, at least one."""
    return max(86_400 - now % 86_400, 1.0)
