"""6: an agent's Python calls C++ and a model from inside the sandbox, side by side."""

from __future__ import annotations

from pathlib import Path

import sunspots
from client import Client, Wrong
from row import Row

FOLDER = Path(__file__).parents[1]
CODE = FOLDER / "guest" / "agent.py"
QUESTION = "How long is the cycle of the sun's activity?"
SENTENCES = [
    "Sunspots come and go in about eleven years.",
    "The moon takes a month around the earth.",
    "Bread is baked at two hundred degrees.",
]


def run(client: Client) -> list[Row]:
    """Run it with leave to call what it needs; without leave it is refused."""
    _, numbers = sunspots.load()
    parameters = {
        "code": CODE.read_text(),
        "inputs": {"question": QUESTION, "sentences": SENTENCES},
    }
    refused = client.compute("python.run", parameters, {"numbers": numbers})
    refused.demand("EXCEPTION")
    if "NOT_GRANTED" not in refused.response.failure.message:
        raise Wrong(f"called without leave: {refused.response.failure.message}")
    leave = ("call:cpp.fft", "call:ml.embed")
    answer = client.compute("python.run", parameters, {"numbers": numbers}, capabilities=leave)
    answer.demand("OK")
    if tuple(answer.response.capabilities) != leave:
        raise Wrong(f"granted {list(answer.response.capabilities)} instead of {list(leave)}")
    period, says = float(answer.result["period"]), answer.result["says"]
    if not 10.5 < period < 11.5 or says != SENTENCES[0]:
        raise Wrong(f"a period of {period:.2f} years, and {says!r}")
    picture = answer.response.outputs["picture"]
    if picture.media_type != "image/png" or len(picture.data) < 10_000:
        raise Wrong(f"a picture of type {picture.media_type!r} in {len(picture.data)} bytes")
    return [Row("python.run", f"{period:.2f} years by FFT; “{says}”", answer)]
