"""The pages, each a small module that draws one thing.

Rules: a page asks the mesh with its visitor's client, and says what it may not do instead of hiding
it. It holds no state that outlives it, but what `visitors` keeps.
"""

from __future__ import annotations

from edgemesh_dashboard.house import House
from edgemesh_dashboard.pages import (
    algorithms,
    jobs,
    keys,
    models,
    playground,
    queues,
    requests,
    sign_in,
    topology,
)
from edgemesh_dashboard.pages.frame import PLACES, Build, page

_BUILD: dict[str, Build] = {
    "/": topology.build,
    "/queues": queues.build,
    "/requests": requests.build,
    "/playground": playground.build,
    "/algorithms": algorithms.build,
    "/models": models.build,
    "/jobs": jobs.build,
    "/keys": keys.build,
}


def register(house: House) -> None:
    """Serve all of them."""
    for path, name, _ in PLACES:
        page(house, path, name, _BUILD[path])
    sign_in.register(house)
