"""An agent's code, as it is sent to the sandbox, with leave to call two native algorithms.

It asks `cpp.fft` for the spectrum of a series, and `ml.embed` which of some sentences says what it
found, side by side, and gives back a picture. The request grants `call:cpp.fft` and
`call:ml.embed`; anything else that it tried to call would be refused.
"""
# ruff: noqa: F821

import asyncio

import edgemesh
import numpy as np
from matplotlib.figure import Figure

numbers, sentences = inputs["numbers"], inputs["sentences"]


async def look():
    """The spectrum, and the sentences as vectors: both at once."""
    spectrum, vectors = await asyncio.gather(
        edgemesh.call.aio("cpp.fft", x=numbers - numbers.mean()),
        edgemesh.call.aio("ml.embed", texts=[inputs["question"], *sentences]),
    )
    return np.abs(spectrum["y"][: len(numbers) // 2]), vectors["embeddings"]


power, vectors = asyncio.run(look())
strongest = int(power[1:].argmax()) + 1
nearness = vectors[1:] @ vectors[0]

figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
left, right = figure.subplots(1, 2)
left.plot(len(numbers) / np.arange(1, len(power)), power[1:], color="tab:blue", lw=0.9)
left.set(xscale="log", xlabel="period in years", title="cpp.fft")
right.barh(sentences, nearness, color="tab:orange")
right.set(title="ml.embed", xlim=(0, 1))

output = {
    "period": len(numbers) / strongest,
    "says": sentences[int(nearness.argmax())],
    "picture": figure,
}
