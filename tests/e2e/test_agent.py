"""The demo's agent: sandboxed code that calls C++ and a model side by side and draws a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import rpc
from support.rpc import Peer

pytestmark = pytest.mark.needs("cpp", "ml", "pywasm")
CODE = (Path(__file__).parents[2] / "demo" / "guest" / "agent.py").read_text()
SENTENCES = ["A cat sleeps on the sofa.", "The price of oil has risen."]


async def test_an_agent_uses_what_it_was_granted(gateway: Peer) -> None:
    years = np.arange(220.0)
    given = {"question": "Where is the kitten?", "sentences": SENTENCES}
    request = rpc.request(
        "python.run",
        {"code": CODE, "inputs": given},
        {"numbers": 50 + 40 * np.sin(2 * np.pi * years / 11)},
        capabilities=["call:cpp.fft", "call:ml.embed"],
    )
    response = await gateway.compute.Compute(request, timeout=60)
    assert rpc.outcome(response) == "OK", response.failure
    assert list(response.capabilities) == ["call:cpp.fft", "call:ml.embed"]
    result = json.loads(response.result)
    assert result == {"period": 11.0, "says": SENTENCES[0]}
    picture = response.outputs["picture"]
    assert picture.media_type == "image/png"
    assert picture.data.startswith(b"\x89PNG")
    del request.capabilities[1]
    response = await gateway.compute.Compute(request, timeout=60)
    assert rpc.outcome(response) == "EXCEPTION"
    assert response.failure.type == "edgemesh.CallRefused"
    assert "call:ml.embed was not granted" in response.failure.message
