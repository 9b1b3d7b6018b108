"""Draws traces that services have written to a file (`EDGEMESH_TRACES=file:PATH`).

    python -m edgemesh_local.trace PATH [--svg OUT]

Rules: a span is a row below the span that it belongs to, its bar where it was in time. One whose
parent is not in the file (a caller's own) is a root.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

_ROW, _LEFT, _WIDTH, _RIGHT = 22, 330, 560, 80
_COLOURS = {"gateway": "#4c78a8", "cpp": "#54a24b", "ml": "#e4873a", "pywasm": "#b279a2"}
_FAILED, _OTHER = "#c0392b", "#777777"


@dataclass
class Span:
    """One of a trace."""

    id: str
    parent: str
    trace: str
    name: str
    service: str
    began: float
    ended: float
    failed: bool
    attributes: dict[str, Any]
    below: list[Span] = field(default_factory=list["Span"])

    @property
    def label(self) -> str:
        """Name, and the algorithm where it tells one."""
        algorithm = self.attributes.get("edgemesh.algorithm", "")
        return f"{self.name} {algorithm}".strip()


def read(lines: Iterable[str]) -> list[Span]:
    """The roots of all trees, each with what is below it, in their order. Raises ValueError."""
    spans: dict[str, Span] = {}
    for line in lines:
        one = json.loads(line)
        context = one["context"]
        spans[context["span_id"]] = Span(
            id=context["span_id"],
            parent=one["parent_id"] or "",
            trace=context["trace_id"],
            name=one["name"],
            service=one["resource"]["attributes"]["service.name"].removeprefix("edgemesh-"),
            began=_seconds(one["start_time"]),
            ended=_seconds(one["end_time"]),
            failed=one["status"]["status_code"] == "ERROR",
            attributes=one["attributes"],
        )
    roots: list[Span] = []
    for span in sorted(spans.values(), key=lambda each: each.began):
        above = spans.get(span.parent)
        (roots if above is None else above.below).append(span)
    return roots


def walk(span: Span, depth: int = 0) -> Iterator[tuple[int, Span]]:
    """It and all below it, with how deep each is."""
    yield depth, span
    for each in span.below:
        yield from walk(each, depth + 1)


def text(root: Span) -> str:
    """A tree for a terminal, times in milliseconds."""
    rows = [f"trace {root.trace.removeprefix('0x')}"]
    for depth, span in walk(root):
        at, long = (span.began - root.began) * 1e3, (span.ended - span.began) * 1e3
        name = f"{'  ' * depth}{span.label}"
        mark = "  failed" if span.failed else ""
        rows.append(f"{name:<44} {span.service:<8} {at:9.2f} {long:9.2f}{mark}")
    return "\n".join(rows)


def svg(root: Span) -> str:
    """The same as a picture."""
    spans = list(walk(root))
    end = max(span.ended for _, span in spans)
    scale = _WIDTH / max(end - root.began, 1e-6)
    width, height = _LEFT + _WIDTH + _RIGHT, _ROW * (len(spans) + 1) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, (depth, span) in enumerate(spans):
        top = 6 + row * _ROW
        left = _LEFT + (span.began - root.began) * scale
        long = max((span.ended - span.began) * scale, 1.5)
        colour = _FAILED if span.failed else _COLOURS.get(span.service, _OTHER)
        told = f"{(span.ended - span.began) * 1e3:.2f} ms"
        out += [
            f'<text x="{8 + 12 * depth}" y="{top + 14}" fill="#222">{escape(span.label)}</text>',
            f'<rect x="{left:.1f}" y="{top + 3}" width="{long:.1f}" height="{_ROW - 8}" rx="2" '
            f'fill="{colour}"><title>{escape(span.service)}: {told}</title></rect>',
            f'<text x="{left + long + 5:.1f}" y="{top + 14}" fill="#555">{told}</text>',
        ]
    at = 8.0
    bottom = 6 + len(spans) * _ROW
    for service in dict.fromkeys(span.service for _, span in spans):
        colour = _COLOURS.get(service, _OTHER)
        out += [
            f'<rect x="{at}" y="{bottom + 4}" width="11" height="11" fill="{colour}"/>',
            f'<text x="{at + 16}" y="{bottom + 14}" fill="#222">{escape(service)}</text>',
        ]
        at += 40 + 7 * len(service)
    return "\n".join([*out, "</svg>", ""])


def main() -> int:
    """Print every tree; draw the largest."""
    parser = argparse.ArgumentParser(prog="edgemesh_local.trace", description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--svg", type=Path, metavar="OUT")
    given = parser.parse_args()
    try:
        roots = read(given.path.read_text().splitlines())
    except (OSError, ValueError, KeyError) as error:
        print(f"{given.path}: no file of spans: {error}", file=sys.stderr)
        return 2
    print("\n\n".join(map(text, roots)) or "no spans")
    if given.svg is not None and roots:
        given.svg.write_text(svg(max(roots, key=lambda root: len(list(walk(root))))))
    return 0


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    sys.exit(main())
