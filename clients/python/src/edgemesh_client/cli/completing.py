"""What the shell offers for names that the mesh knows: algorithms, models, jobs, sessions.

Rules: asks the mesh that the environment names, once and briefly; offers nothing where it is not
there, and never says a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgemesh_client.client import Client
from edgemesh_client.errors import EdgemeshError
from edgemesh_client.options import Retries

_SOON_S = 2.0
_MOST = 50


def _names(ask: Callable[[Client], Iterable[str]], begun: str) -> list[str]:
    try:
        with Client(timeout=_SOON_S, retries=Retries(attempts=1)) as client:
            return [name for name in ask(client) if name.startswith(begun)]
    except EdgemeshError:
        return []


def algorithms(incomplete: str) -> list[str]:
    """Names of algorithms."""
    return _names(lambda client: sorted({each.name for each in client.algorithms()}), incomplete)


def models(incomplete: str) -> list[str]:
    """Names of models."""
    return _names(lambda client: sorted({each.name for each in client.models()}), incomplete)


def jobs(incomplete: str) -> list[str]:
    """Ids of the newest jobs."""
    return _names(lambda client: [each.id for each in client.jobs(most=_MOST)], incomplete)


def sessions(incomplete: str) -> list[str]:
    """Names of sessions."""
    return _names(lambda client: [each.name for each in client.sessions()], incomplete)
