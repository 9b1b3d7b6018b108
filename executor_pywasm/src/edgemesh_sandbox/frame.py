"""A request on its way into a guest: JSON, and tensors that are written beside it.

Rules: what crosses is in its wire form (see `values`); what can be wrong with that is found here,
before a guest has it. Where the tensors lie is only known when the guest has given room for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgemesh_sandbox.call import Call
from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.tensor import Tensor
from edgemesh_sandbox.tools import NO_TOOLS, ToolCalls


class Frame:
    """One program with its inputs: JSON values in wire form, or `Tensor`s, by name.

    Raises `InputError` for a value that is neither. `wire`: the result is wanted in wire form.
    `file`: the program goes on in the `__main__` before, and this part of it is called so.
    `inspect`: the result is what that has.
    """

    def __init__(
        self,
        code: str,
        inputs: Mapping[str, Any],
        stdin: str,
        call: Call | None = None,
        *,
        tools: ToolCalls = NO_TOOLS,
        wire: bool = False,
        file: str | None = None,
        inspect: bool = False,
    ) -> None:
        self.wire, self.tools, self.goes_on = wire, tools, file is not None
        _text("code", code)
        _text("stdin", stdin)
        values: dict[str, Any] = {}
        self._tensors: list[tuple[str, Tensor]] = []
        for name, value in inputs.items():
            if isinstance(value, Tensor):
                value.check(f"inputs.{name}")
                self._tensors.append((name, value))
            else:
                values[name] = value
        request: dict[str, Any] = {"code": code, "stdin": stdin, "inputs": values}
        if file is not None:
            request |= {"file": file, "inspect": inspect}
        if call is not None:
            request["call"] = {
                "function": call.function,
                "args": call.args,
                "kwargs": call.kwargs,
            }
            if call.refs is not None:
                request["refs"] = call.refs
        if tools.names:
            request["tools"] = tools.names
        try:
            self._json = json.dumps(request, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError("inputs", f"no JSON value: {error}") from None
        self.buffers = [memoryview(t.data).cast("B") for _, t in self._tensors]
        """The tensors' bytes."""

    def text(self, addresses: Sequence[int]) -> bytes:
        """The JSON, when the buffers lie at `addresses`."""
        tensors = [
            {
                "name": name,
                "dtype": tensor.dtype,
                "shape": tensor.shape,
                "address": address,
                "nbytes": buffer.nbytes,
            }
            for (name, tensor), buffer, address in zip(
                self._tensors, self.buffers, addresses, strict=True
            )
        ]
        return f'{{"tensors":{json.dumps(tensors)},{self._json[1:]}'.encode()

    @property
    def nbytes(self) -> int:
        """Memory of the guest that it takes: the tensors once, the JSON twice on its way."""
        return sum(buffer.nbytes for buffer in self.buffers) + 2 * len(self._json)


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InputError(name, f"a string, not {type(value).__name__}")
