"""The table that is printed: a row for each module, failures by their reason, a pass rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from corpus.reasons import KINDS, Reasons, Verdict
from corpus.record import DIED, ERROR, FAILED, PASSED, SKIPPED, Module

_HEAD = f"{'module':<34}{'run':>7}{'passed':>8}{'failed':>8}{'errors':>8}{'died':>6}{'skipped':>9}"


def rows(modules: Iterable[Module]) -> Iterator[str]:
    """One row for each module, those of a package together."""
    groups: dict[str, list[Module]] = {}
    for module in modules:
        groups.setdefault(_group(module.name), []).append(module)
    yield f"{_HEAD}{'seconds':>9}"
    for name, found in [*sorted(groups.items()), ("all", [m for g in groups.values() for m in g])]:
        counts = Counter(test.kind for module in found for test in module.tests)
        ran = counts.total() - counts[SKIPPED]
        numbers = (ran, counts[PASSED], counts[FAILED], counts[ERROR], counts[DIED])
        incomplete = "" if all(m.complete for m in found) else "  given up"
        yield (
            f"{name:<34}{ran:>7}{numbers[1]:>8}{numbers[2]:>8}{numbers[3]:>8}{numbers[4]:>6}"
            f"{counts[SKIPPED]:>9}{sum(m.seconds for m in found):>9.1f}{incomplete}"
        )


def summary(modules: Sequence[Module], reasons: Reasons) -> Iterator[str]:
    """Pass rates, and how many failures each kind of reason explains."""
    ran = sum(module.run for module in modules)
    passed = sum(module.count(PASSED) for module in modules)
    if not ran:
        return
    verdicts = [reasons.verdict(test) for module in modules for test in module.bad]
    kinds = Counter(verdict.kind if verdict else "unexplained" for verdict in verdicts)
    yield f"{passed} of {ran} passed: {100 * passed / ran:.2f} %"
    for kind, count in kinds.most_common():
        yield f"{count:>6}  {kind}: {KINDS.get(kind, 'no row of reasons.toml explains it')}"
    of_sandbox = ran - sum(n for kind, n in kinds.items() if kind == "older")
    if of_sandbox:
        yield (
            f"without those that expect an older Python: {passed} of {of_sandbox}, "
            f"{100 * passed / of_sandbox:.2f} %"
        )


def details(modules: Iterable[Module], reasons: Reasons) -> Iterator[str]:
    """Every failure: explained ones in a line, others with the end of their traceback."""
    for module in modules:
        for test in module.bad:
            verdict: Verdict | None = reasons.verdict(test)
            if verdict:
                yield f"{verdict.kind:<9}{test.id}: {verdict.why}"
            else:
                yield f"UNEXPLAINED {test.kind} {test.id}\n{test.text.strip()}"


def _group(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] == "test" else 3])
