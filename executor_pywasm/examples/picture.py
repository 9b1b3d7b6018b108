"""A Matplotlib picture: a figure given back comes as a PNG."""

from pathlib import Path
from tempfile import gettempdir

from edgemesh_sandbox import Sandbox

PROGRAM = """
import matplotlib.pyplot as plt
import numpy as np

x = np.linspace(0, 2 * np.pi, 200)
figure, axes = plt.subplots(figsize=(5, 3))
axes.plot(x, np.sin(x), label="sin")
axes.fill_between(x, np.sin(x) ** 2, alpha=0.3, label=r"$\\sin^2 x$")
axes.legend()
output = {"wave": figure}
"""

with Sandbox() as sandbox:
    picture = sandbox.run(PROGRAM).outputs["wave"]

path = Path(gettempdir(), "wave.png")
path.write_bytes(picture.data)
print(f"{picture.media_type}, {len(picture.data)} bytes: {path}")
