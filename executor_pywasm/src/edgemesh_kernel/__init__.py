"""A Jupyter kernel whose cells run in a sandboxed session.

    kernel     the messages of a notebook, and what they become
    cell       one cell's run: its output as it is printed, its questions, its interruption
    magics     %reset, %undo, %who
    guest/     what is put into the session: rich display, completion

Rules: nothing that a cell does reaches this process or the machine; a cell that is interrupted,
or passes a limit, leaves the session as the cell before did, and says so.
"""

from __future__ import annotations

from edgemesh_kernel.kernel import SandboxKernel

__all__ = ["SandboxKernel"]
