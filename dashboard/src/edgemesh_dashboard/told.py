"""Errors of the mesh as sentences for whoever looks.

Rules: a sentence says what was wrong and what mends it; nothing of a key is ever in one.
"""

from __future__ import annotations

from edgemesh_client import (
    DeadlineExceeded,
    EdgemeshError,
    MeshError,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)


def sentence(error: EdgemeshError | TimeoutError) -> str:
    """The error, told."""
    match error:
        case PermissionDenied():
            scope = error.metadata.get("scope", "")
            if not scope:
                return f"You may not do this: {error.message}"
            return f"This needs the scope {scope}, which you lack: sign in with a key that has it."
        case Unauthenticated():
            return "The gateway does not know this key: sign out, and in again with one it knows."
        case Unavailable() if not error.reason:
            return "The gateway cannot be reached. This page goes on as soon as it answers."
        case DeadlineExceeded():
            return "The gateway did not answer in time."
        case MeshError():
            where = "".join(f" {path}: {text}." for path, text in error.fields.items())
            return f"{error.message}{where}" + (f" ({error.reason})" if error.reason else "")
        case TimeoutError():
            return "The gateway did not answer in time."
        case _:
            return str(error)
