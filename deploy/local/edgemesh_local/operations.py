"""The operator's page, docs/operations.md: its tables made from the sources (`make operations`),
and what people wrote held to them.

Rules: a table stands between `<!-- made: NAME -->` and `<!-- end -->`, and is nobody's to write.
Outside of these a name in code quotes must be one that there is: a metric, a variable, a reason or
outcome, and an event of the logs, which is quoted twice (`"executor away"`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgemesh_local import reading
from edgemesh_local.parts import PartFailed
from edgemesh_local.service import all_services
from edgemesh_local.session import Session

PAGE = Path("docs") / "operations.md"
_PART = re.compile(r"(<!-- made: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_METRIC = re.compile(r"(?<!-m )\b(edgemesh_[a-z_]+)")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")
_PROCESS = {"EDGEMESH_CACHE"}
_OWNERS = {"mesh_service": "every service", "executors": "every executor"}


async def operations(session: Session) -> int:
    """Write the page's tables anew."""
    root = session.layout.root
    page = root / PAGE
    page.write_text(made(root, page.read_text()))
    return 0


async def stale(root: Path) -> None:
    """Raises PartFailed where the page is not what the sources make, or names what there is not."""
    text = (root / PAGE).read_text()
    try:
        fresh = made(root, text)
    except reading.NotUnderstood as error:
        raise PartFailed(str(error)) from None
    if fresh != text:
        raise PartFailed(f"{PAGE} is not what the sources say: run make operations")
    if unknown := sorted(strangers(root, text)):
        raise PartFailed(f"{PAGE} names what there is not: {', '.join(unknown)}")


def made(root: Path, text: str) -> str:
    """The page with its tables as they are today. Raises NotUnderstood."""
    tables = dict(_tables(root))

    def table(found: re.Match[str]) -> str:
        name = found.group(2)
        if name not in tables:
            raise reading.NotUnderstood(PAGE, text.count("\n", 0, found.start()) + 1, name)
        return f"{found.group(1)}{tables[name]}\n{found.group(3)}"

    filled = _PART.sub(table, text)
    for name in tables:
        if f"<!-- made: {name} -->" not in filled:
            raise reading.NotUnderstood(PAGE, 1, f"a place for the table `{name}`")
    return filled


def strangers(root: Path, text: str) -> set[str]:
    """Names that people wrote and that mean nothing."""
    metrics = {metric.name for metric in reading.metrics(root)}
    variables = set(_PROCESS)
    for family in reading.families(root):
        for prefix in _prefixes(root, family):
            variables |= {_variable(prefix, setting) for setting in family.settings}
            variables.add(f"{prefix}CONFIG")
    texts = reading.texts(root)
    contract = (root / "protos" / "edgemesh" / "compute" / "v1").glob("*.proto")
    words = {
        word for path in contract for word in re.findall(r"\b[A-Z][A-Z_]+\b", path.read_text())
    }
    found: set[str] = set()
    for span in _CODE.findall(_PART.sub("", text)):
        figures = {name for name in _METRIC.findall(span) if _SUFFIX.sub("", name) not in metrics}
        variable = re.fullmatch(r"(EDGEMESH_[A-Z_]+[A-Z])(=.*)?", span)
        event = re.fullmatch(r'"(.+)"', span)
        if (
            figures
            or (variable and variable.group(1) not in variables)
            or (event and event.group(1) not in texts)
            or (re.fullmatch(r"[A-Z]+(_[A-Z]+)+", span) and not variable and span not in words)
        ):
            found.add(span)
    return found


def _tables(root: Path) -> Iterator[tuple[str, str]]:
    for family in reading.families(root):
        prefixes = _prefixes(root, family)
        own = prefixes[0] if len(prefixes) == 1 else "…_"
        rows = [
            (
                f"`{_variable(own, setting)}`",
                setting.kind,
                setting.default,
                setting.bounds,
                setting.text,
            )
            for setting in family.settings
        ]
        head = ("setting", "is", "default", "bounds", "what it does")
        yield f"settings of {family.name}", _table(head, rows)
    metrics = [
        (
            f"`{metric.name}`",
            _OWNERS.get(metric.owner, metric.owner),
            metric.kind,
            ", ".join(metric.labels),
            metric.text,
        )
        for metric in reading.metrics(root)
    ]
    yield "metrics", _table(("metric", "of", "is", "labels", "what it says"), metrics)
    reasons = [(f"`{r.name}`", r.code, r.text, r.retry) for r in reading.reasons(root)]
    yield "reasons", _table(("reason", "code", "means", "may be sent again"), reasons)


def _prefixes(root: Path, family: reading.Family) -> list[str]:
    """Prefixes of the variables that a class's fields may be set by."""
    if family.prefix:
        return [family.prefix]
    services = all_services(root).values()
    everybody = family.base == "BaseSettings"
    return [each.env_prefix for each in services if everybody or not each.is_gateway]


def _variable(prefix: str, setting: reading.Setting) -> str:
    return setting.name if setting.name.startswith("EDGEMESH_") else prefix + setting.name


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
