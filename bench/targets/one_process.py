"""What the mesh does, in one process that nothing is walled off in: its memory is what walls cost.

    python one_process.py PLUGINS MODELS IMAGES PACKAGES…

Rules: PACKAGES are the folders of packages of all four services' environments; it
holds what those hold (every plugin, both models, the sandbox, the gateway's modules), has done a
piece of work with each, and prints its proportional memory in bytes.
"""

from __future__ import annotations

import importlib
import site
import sys
from pathlib import Path

for folder in sys.argv[4:]:
    site.addsitedir(folder)

from edgemesh_candle import Embedder, Generator  # noqa: E402
from edgemesh_cpp_host import Plugin  # noqa: E402
from edgemesh_sandbox import Sandbox  # noqa: E402

GATEWAY = ("edgemesh_gateway.gateway", "edgemesh_gateway.rest.listen", "fastapi", "uvicorn")


def memory() -> int:
    """Bytes of this process, what it shares in shares."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def main(plugins: Path, models: Path, images: Path) -> None:
    """Hold all of it, use it, and say what it takes."""
    held: list[object] = [importlib.import_module(name) for name in GATEWAY]
    held += [Plugin(str(each)) for each in sorted(plugins.glob("*.so"))]
    embedder = Embedder(models / "all-minilm-l6-v2")
    job = embedder.start(["a lighthouse"])
    out = bytearray(job.nbytes)
    while job.step(out):
        pass
    generator = Generator(models / "smollm2-135m-instruct" / "model.gguf")
    generation = generator.start("one", max_tokens=3)
    while generation.next() is not None:
        pass
    with Sandbox(images) as sandbox:
        assert sandbox.run("import numpy\noutput = 1").result == 1
        print(memory())
    del held


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
