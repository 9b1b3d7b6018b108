"""A picture, and boxes around the things in it, by `ml.detect`."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any, cast

from nicegui import events, ui

from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages.heading import card
from edgemesh_dashboard.pages.notice import Notice
from edgemesh_dashboard.pages.outcome import remember
from edgemesh_dashboard.pages.playground import offered
from edgemesh_dashboard.pages.records import Column, Records, Row
from edgemesh_dashboard.pages.upload import upload
from edgemesh_dashboard.visitors import Visitor

DETECT = "ml.detect"
_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
_LACKING = (
    "No detector is there: ml.detect is offered when a YOLO lies in the models folder of the "
    "executor ml (executor_ml/README.md)."
)


def build(house: House, visitor: Visitor) -> None:
    """Draw it."""

    async def look() -> None:
        with notice.telling():
            if await offered.find(visitor, DETECT) is None:
                notice.say(_LACKING, fault=False)

    async def given(event: events.UploadEventArguments) -> None:
        data = await event.file.read()
        kind = next((kind for start, kind in _KINDS.items() if data.startswith(start)), "")
        if not kind:
            notice.say(f"{event.file.name}: a PNG, JPEG or WebP is expected.")
            return
        with notice.telling():
            if await offered.find(visitor, DETECT) is None:
                notice.say(_LACKING, fault=False)
                return
            result = await visitor.client.compute(DETECT, image=data)
            remember(visitor, result)
            seen: Mapping[str, Any] = result.value["images"][0]
            place.clear()
            with place:
                draw(data, kind, seen)
            things.show(_rows(seen["things"]))

    with card("Things in a picture"):
        accept = "image/png,image/jpeg,image/webp"
        upload("A picture", accept, house.settings.max_upload_bytes, given, lambda: notice)
        notice = Notice()
        place = ui.element("div")
        things = Records(
            "Things found",
            (Column("Thing"), Column("Score", "number"), Column("Box, in pixels")),
            empty="Nothing was looked at yet.",
        )
    ui.timer(0, look, once=True)


def draw(data: bytes, kind: str, seen: Mapping[str, Any]) -> None:
    """The picture with the boxes over it."""
    names = ", ".join(str(thing["name"]) for thing in seen["things"]) or "nothing"
    with ui.element("div").classes("em-picture"):
        picture = ui.element("img")
        picture.props["src"] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        picture.props["alt"] = f"The picture; found: {names}"
        # All that is not a number here is escaped.
        ui.html(boxes(seen), sanitize=False)


def boxes(seen: Mapping[str, Any]) -> str:
    """The boxes as SVG, in the pixels of the picture."""
    width, height = int(seen["width"]), int(seen["height"])
    line = max(1.0, width / 300)
    parts = [f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">']
    for thing in seen["things"]:
        left, top, right, bottom = (float(each) for each in cast("Sequence[Any]", thing["box"]))
        label = f"{thing['name']} {float(thing['score']):.2f}"
        parts.append(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" '
            f'fill="none" stroke="#ff3b30" stroke-width="{line}"/>'
            f'<text x="{left + 2 * line}" y="{top + 14 * line}" font-size="{12 * line}" '
            f'fill="#fff" stroke="#000" stroke-width="{line * 2}" paint-order="stroke">'
            f"{html.escape(label)}</text>"
        )
    return "".join([*parts, "</svg>"])


def _rows(things: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [
        Row(
            str(at),
            (
                str(thing["name"]),
                f"{float(thing['score']):.2f}",
                ", ".join(f"{float(each):.0f}" for each in thing["box"]),
            ),
        )
        for at, thing in enumerate(things)
    ]
