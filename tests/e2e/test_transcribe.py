"""ml.transcribe through a gateway: segments come one by one, and the example prints them.

The model has random weights, made by executor_ml/tests/made_whisper.py: what it writes is no
speech, and no test here judges it.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import sys
import wave
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from support import rpc
from support.wait import until

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("ml")

ROOT = Layout.here().root
RATE, SECONDS = 16_000, 10
WINDOW_S = 4
PARAMETERS = {"temperature": 0, "logprob_threshold": None}
"""Random text is unlikely, and would be written anew at every temperature."""


def sound() -> bytes:
    """A WAV file of a tone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        tone = (int(9000 * math.sin(i * 440 * math.tau / RATE)) for i in range(SECONDS * RATE))
        out.writeframes(array("h", tone).tobytes())
    return file.getvalue()


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Mesh]:
    """A mesh that has the made-up model and no other."""
    models = tmp_path / "models"
    maker = ROOT / "executor_ml" / "tests" / "made_whisper.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(maker), str(models / "random-whisper")
    )
    assert await process.wait() == 0
    settings = {
        "ml": {"MODELS_DIR": str(models), "SPARES": "0"},
        "gateway": {"DATABASE": f"sqlite:///{tmp_path / 'gateway.db'}"},
    }
    async with Mesh(("ml",), settings=settings) as mesh:
        yield mesh


async def offered(peer: rpc.Peer) -> None:
    """Wait until the model is served."""

    async def there() -> bool:
        asked = algorithm_pb2.ListAlgorithmsRequest()
        found = await peer.algorithms.ListAlgorithms(asked, timeout=10)
        return any(each.algorithm.name == "ml.transcribe" for each in found.algorithms)

    await until(there, "ml.transcribe is offered")


async def test_segments_come_as_they_are_heard(listening: Mesh, tmp_path: Path) -> None:
    request = compute_pb2.ComputeRequest(
        algorithm="ml.transcribe", parameters=json.dumps(PARAMETERS)
    )
    audio = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=sound())
    request.inputs["audio"].CopyFrom(audio)
    async with rpc.connect(listening.address("gateway")) as peer:
        await offered(peer)
        events = [event async for event in peer.compute.ComputeStream(request, timeout=60)]
        response = events.pop().response
        assert rpc.outcome(response) == "OK", response.failure
        result = json.loads(response.result)
        assert result["duration_s"] == SECONDS
        segments = result["segments"]
        assert segments[-1]["start"] > WINDOW_S  # of more than one window
        lines = "".join(event.output.text for event in events)
        told = [{key: s[key] for key in ("start", "end", "text")} for s in segments]
        assert list(map(json.loads, lines.splitlines())) == told
        assert response.stdout == lines
        assert "".join(event.token.text for event in events) == result["text"]
        order = [event.WhichOneof("event") for event in events]
        # The first segment is told before the last window's tokens.
        assert order.index("output") < len(order) - 1 - order[::-1].index("token")
        request.inputs["audio"].data = b"not a sound"
        refusal = await rpc.refused(peer.compute.Compute(request, timeout=60))
        assert refusal.fields.keys() == {"inputs.audio"}

    file = tmp_path / "tone.wav"
    file.write_bytes(sound())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "clients" / "python" / "example" / "transcribe.py"),
        str(file),
        listening.address("gateway"),
        json.dumps(PARAMETERS),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    expected = [f"{s['start']:.2f} --> {s['end']:.2f} {s['text']}" for s in segments]
    assert out.decode().splitlines() == [*expected, f"10.0 s of {result['language']}"]
