"""The slim image: the standard library at hand, everything else when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemesh_sandbox import Sandbox
from edgemesh_sandbox.built import Built
from edgemesh_sandbox.image import IMAGE, SLIM
from edgemesh_sandbox.setup import build


@pytest.fixture(scope="module")
def slim(images: Path) -> Iterator[Sandbox]:
    build(images, SLIM)
    with Sandbox(images, spare=False, image=SLIM) as sandbox:
        yield sandbox


def test_it_is_half_the_size(slim: Sandbox, built: Built, images: Path) -> None:
    assert slim
    small = build(images, SLIM).image.path(IMAGE).stat().st_size
    assert small < built.image.path(IMAGE).stat().st_size * 0.6


def test_the_standard_library_is_imported_and_no_package_but_numpy(slim: Sandbox) -> None:
    code = """
import sys
here = {name.partition('.')[0] for name in sys.modules}
packages = {'pandas', 'scipy', 'matplotlib', 'sklearn', 'sympy', 'lxml'}
output = [sorted(here & packages), 'sqlite3' in here]
"""
    assert slim.run(code).result == [[], True]


def test_tensors_and_packages_still_work(slim: Sandbox) -> None:
    assert slim.run("import numpy as np; output = np.arange(3)").outputs["output"].shape == (3,)
    code = """
import pandas as pd, matplotlib.pyplot as plt
plt.plot([1, 2]); plt.savefig('/tmp/p.png')
output = pd.DataFrame({'a': [1, 2]}).a.sum().item()
"""
    result = slim.run(code)
    assert result.result == 3, result.failure
