"""Programs of ours that run in the sandbox, beside a caller's: their text is what is used.

Rules: written for the guest's Python (3.15), where the caller's program may have replaced anything;
what they answer is as untrusted as that.
"""

from __future__ import annotations

from importlib import resources


def source(name: str) -> str:
    """The text of one of them."""
    return resources.files(__name__).joinpath(f"{name}.py").read_text(encoding="utf-8")
