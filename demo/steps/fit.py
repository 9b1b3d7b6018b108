"""4: a user's own Python fits the series in the sandbox and draws a picture of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sunspots
from client import Answer, Client, Wrong
from row import Row

FOLDER = Path(__file__).parents[1]
CODE = FOLDER / "guest" / "fit_sunspots.py"
PICTURE = FOLDER / "out" / "sunspots.png"
PNG = b"\x89PNG\r\n\x1a\n"


def run(client: Client) -> list[Row]:
    """Run the code on the series; hold its numbers against the same fit done here."""
    years, numbers = sunspots.load()
    answer = client.compute(
        "python.run", {"code": CODE.read_text()}, {"years": years, "numbers": numbers}
    )
    answer.demand("OK")
    cycle = float(answer.result["cycle"])
    if not 10.5 < cycle < 11.5:
        raise Wrong(f"a cycle of {cycle:.2f} years instead of about 11")
    x = numbers - numbers.mean()
    expected, *_ = np.linalg.lstsq(np.column_stack([x[1:-1], x[:-2]]), x[2:], rcond=None)
    if not np.allclose(answer.result["autoregression"], expected, rtol=1e-6):
        raise Wrong(f"autoregression {answer.result['autoregression']} instead of {expected}")
    size = _save(answer)
    said = f"{cycle:.2f} years; {PICTURE.relative_to(FOLDER.parent)}, {size // 1024} KiB"
    return [Row("python.run", said, answer)]


def _save(answer: Answer) -> int:
    """Write the picture that came back; gives its size in bytes. Raises Wrong if it is none."""
    picture = answer.response.outputs["picture"]
    data = picture.data
    if picture.media_type != "image/png":
        raise Wrong(f"a picture of type {picture.media_type!r}")
    if not data.startswith(PNG) or not data.rstrip(b"\0").endswith(b"IEND\xaeB`\x82"):
        raise Wrong(f"no PNG: {data[:16]!r}")
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if width < 600 or height < 300 or len(data) < 10_000:
        raise Wrong(f"a picture of {width}x{height} in {len(data)} bytes")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(data)
    return len(data)
