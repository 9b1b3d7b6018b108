"""Arrays, drawn: as text by plotext, into files by matplotlib (the extra `plot`).

    one dimension           a line; of complex numbers their magnitudes
    two, at most 8 rows     a line for each row
    two                     a map of shades
    others, and bytes       not drawn; where nothing else is left, that is an error

Rules: long lines are thinned to what a terminal shows, each stretch by its least and most, so that
no peak is lost. matplotlib is loaded where a file is wanted.
"""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemesh_client.cli.given import BadInput
from edgemesh_client.result import Output

_ENDINGS = (".png", ".svg", ".pdf")
_MOST_LINES = 8
_HEIGHT = 20
_SHADES = " .:-=+*#%@"
_Real = npt.NDArray[np.floating[Any]]


def check(path: Path) -> None:
    """Whether a picture can be made there at all, before work is begun. Raises BadInput."""
    if path.suffix.lower() not in _ENDINGS:
        raise BadInput(f"--plot-to {path}: a name that ends in {', '.join(_ENDINGS)} is expected")
    if importlib.util.find_spec("matplotlib") is None:
        raise BadInput(
            "--plot-to needs matplotlib: pip install 'edgemesh-client[plot]'; --plot does not"
        )


def text(outputs: Mapping[str, Output], *, colours: bool) -> str:
    """All that can be drawn, one below the other, as wide as the terminal. Raises BadInput."""
    width = shutil.get_terminal_size().columns
    drawn = [
        f"{name}\n{_shades(array, width)}\n"
        if array.ndim == 2 and len(array) > _MOST_LINES
        else _curves(name, np.atleast_2d(array), width, colours=colours)
        for name, array in _drawable(outputs).items()
    ]
    return "\n".join(drawn)


def _curves(name: str, rows: _Real, width: int, *, colours: bool) -> str:
    import plotext

    figure: Any = plotext.figure
    figure.clear.all()
    figure.theme("simple" if colours else "colorless")
    figure.plot_size(width, _HEIGHT)
    figure.title(name)
    for row in rows:
        at, values = _thinned(row, 2 * width)
        figure.draw(figure.signal(at.tolist(), values.tolist()).lines(True))
    drawn = f"{figure.build()}\n"
    return drawn if colours else str(plotext.uncolorize(drawn))


def save(outputs: Mapping[str, Output], path: Path) -> None:
    """All that can be drawn, one below the other, to a file. Raises BadInput."""
    from matplotlib.figure import Figure

    arrays = _drawable(outputs)
    figure = Figure(figsize=(9, 4 * len(arrays)), layout="constrained")
    axes = figure.subplots(len(arrays), squeeze=False)[:, 0]
    for (name, array), place in zip(arrays.items(), axes, strict=True):
        place.set_title(name)
        if array.ndim == 2 and len(array) > _MOST_LINES:
            figure.colorbar(place.imshow(array, aspect="auto"), ax=place)
            continue
        for row in np.atleast_2d(array):
            place.plot(row)
        place.grid(visible=True, alpha=0.3)
    try:
        figure.savefig(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from None


def _drawable(outputs: Mapping[str, Output]) -> dict[str, _Real]:
    found = dict[str, _Real]()
    for name, output in outputs.items():
        if isinstance(output, bytes) or output.dtype.kind not in "biufc":
            continue
        array: npt.NDArray[Any] = output.squeeze()
        if array.ndim not in (1, 2) or array.size < 2:
            continue
        array = np.abs(array) if array.dtype.kind == "c" else array
        found[name] = np.asarray(array, np.float64)
    if not found:
        there = ", ".join(
            f"{name}: bytes" if isinstance(each, bytes) else f"{name}: {each.dtype}{[*each.shape]}"
            for name, each in outputs.items()
        )
        raise BadInput(
            f"nothing to draw: arrays of one or two dimensions are, not {there or 'no outputs'}"
        )
    return found


def _thinned(row: _Real, most: int) -> tuple[npt.NDArray[np.int64], _Real]:
    """At most so many points, the least and the most of each stretch among them."""
    if len(row) <= most:
        return np.arange(len(row)), row
    step = math.ceil(2 * len(row) / most)
    kept = set[int]()
    for begin in range(0, len(row), step):
        stretch = np.nan_to_num(row[begin : begin + step])
        kept |= {begin + int(stretch.argmin()), begin + int(stretch.argmax())}
    at = np.array(sorted(kept), np.int64)
    return at, row[at]


def _shades(array: _Real, width: int) -> str:
    """Numbers as darkness, the most of each cell, and which number each shade is."""
    least, most = float(np.nanmin(array)), float(np.nanmax(array))
    rows, columns = min(_HEIGHT, array.shape[0]), min(width, array.shape[1])
    cells = [
        [float(np.nanmax(block)) for block in np.array_split(band, columns, axis=1)]
        for band in np.array_split(array, rows, axis=0)
    ]
    scaled = (np.array(cells) - least) / ((most - least) or 1.0)
    levels = np.nan_to_num(scaled * (len(_SHADES) - 1)).round().astype(int)
    lines = ["".join(_SHADES[level] for level in row) for row in levels]
    return "\n".join([*lines, f"{_SHADES[0]!r} {least:.4g} to {_SHADES[-1]!r} {most:.4g}"])
