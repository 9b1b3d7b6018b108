"""What a program's value becomes: a JSON text, tensors, or both.

    3, "text", [1, 2], {"a": None}, numpy scalars     result
    numpy array                                       outputs["output"]
    bytes, bytearray, memoryview                      outputs["output"], dtype bytes
    Matplotlib figure                                 the same, image/png
    {"mean": 2.5, "data": array, "plot": figure}      the JSON part in result, the others in
                                                      outputs by their keys
    all else, at any depth                            tagged objects in result: see `encoding`

Rules: JSON is RFC 8259's. What cannot cross raises `OutputError`, which names the place in `output`
and what is there. Figures that the program left open come last, as `figure-1` and so on.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import io
import sys
import weakref
from typing import Any

from . import arrays, numeric
from .encoding import MOST_TENSORS, Encoder, Unfit, dumps, is_name, plain

_PNG = "image/png"
_matplotlib: list[tuple[Any, Any]] = []
_shown: weakref.WeakSet[Any] = weakref.WeakSet()
"""The open figures that were given already, where a program goes on."""


def _figures() -> tuple[Any, Any]:
    """The type of figures, and those that are open; none of both before Matplotlib is imported.

    Kept once it is known, which in an image that has it is before any program.
    """
    if not _matplotlib:
        kinds, helpers = map(sys.modules.get, ("matplotlib.figure", "matplotlib._pylab_helpers"))
        if kinds is None or helpers is None:
            return (), {}
        _matplotlib.append((kinds.Figure, helpers.Gcf.figs))
    return _matplotlib[0]


def forget() -> None:
    """No figure was given yet."""
    _shown.clear()


class OutputError(Exception):
    """`output` cannot be given back."""

    __module__ = "builtins"  # shown as `OutputError`


class Outputs:
    """The JSON text of the result, or None, and tensors as the host wants them described."""

    def __init__(self, output: object, refs: str | None = None, *, going_on: bool = False) -> None:
        """`refs`: if given, all tensors of the value are referred to, by names behind this.

        `going_on`: open figures are given when they are new or were drawn on, not each time.
        """
        self._going_on = going_on
        self.tensors: list[dict[str, Any]] = []
        self.owners: list[object] = []  # keeps the tensors' memory until the host has read it
        self.result: bytes | None = None
        self.keys: list[str] | None = None
        """Which tensors are the value's own: those of its dict by key, or itself (`output`)."""
        self._drawn: set[int] = set()
        if output is not None:
            try:
                self._take(output, refs)
            except Unfit as error:
                raise OutputError(str(error)) from None
        if _figures()[1]:
            self._add_figures()

    def answer(self) -> dict[str, Any]:
        """What the host is told."""
        answer: dict[str, Any] = {"outcome": "ok", "tensors": self.tensors}
        if self.result is not None:
            answer["result"] = [arrays.address_of(self.result), len(self.result)]
        if self.keys is not None:
            answer["keys"] = self.keys
        return answer

    def _take(self, output: Any, refs: str | None) -> None:
        root = not isinstance(output, dict)
        encoder = Encoder(self._add, self._figure, root=root, refs=refs or "")
        if refs is not None:
            self._write(encoder, output)
            return
        if _is_tensor(output):
            self.keys = []
            self._tensor(encoder, "output", output)
            return
        if isinstance(output, dict):
            named = {k: v for k, v in output.items() if is_name(k) and _is_tensor(v)}
            if named:
                self.keys = list(named)
                for name, value in named.items():
                    self._tensor(encoder, name, value)
                output = {k: v for k, v in output.items() if k not in named}
                if not output:
                    return
        self._write(encoder, output)

    def _write(self, encoder: Encoder, output: Any) -> None:
        text = plain(output, arrays.scalar) or dumps(encoder.encode(output, "output"))
        self.result = text.encode()
        self.owners.append(self.result)

    def _tensor(self, encoder: Encoder, name: str, value: Any) -> None:
        if isinstance(value, _figures()[0]):
            data = self._draw(value)
            encoder.named(name, "bytes", (len(data),), data, _PNG)
        elif arrays.is_array(value):
            array = numeric.portable(arrays.plain(value))
            encoder.named(name, array.dtype.name, array.shape, array.reshape(-1))
        else:
            data = bytes(value)
            encoder.named(name, "bytes", (len(data),), data)

    def _figure(self, encoder: Encoder, value: Any) -> object:
        if not isinstance(value, _figures()[0]):
            return None
        data = self._draw(value)
        return {"$type": "bytes", "tensor": encoder.tensor("bytes", (len(data),), data, _PNG)}

    def _draw(self, figure: Any) -> bytes:
        self._drawn.add(id(figure))
        file = io.BytesIO()
        figure.savefig(file, format="png")
        if self._going_on:
            figure.stale = False
            _shown.add(figure)
        return file.getvalue()

    def _add_figures(self) -> None:
        """The figures that are open and not given already."""
        taken = {tensor["name"] for tensor in self.tensors}
        number = 0
        for manager in list(_figures()[1].values()):
            figure = manager.canvas.figure
            again = self._going_on and figure in _shown and not figure.stale
            if id(figure) not in self._drawn and not again:
                number += 1
                name = f"figure-{number}"
                if name not in taken:
                    data = self._draw(figure)
                    self._add(name, "bytes", (len(data),), data, _PNG)

    def _add(self, name: str, dtype: str, shape: tuple[int, ...], data: Any, media: str) -> None:
        if len(self.tensors) == MOST_TENSORS:
            raise OutputError(f"output has more than {MOST_TENSORS} arrays, bytes and figures")
        view = memoryview(data)
        self.owners.append(data)
        self.tensors.append(
            {
                "name": name,
                "dtype": dtype,
                "shape": shape,
                "media_type": media,
                "address": arrays.address_of(data),
                "nbytes": view.nbytes,
            }
        )


def _is_tensor(value: object) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview, _figures()[0])) or (
        arrays.is_array(value) and arrays.is_plain(value)
    )
