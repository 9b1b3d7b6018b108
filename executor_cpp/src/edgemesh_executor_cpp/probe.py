"""Looks at a plugin in a process that is thrown away: load, handshake, describe, self-test.

    python -m edgemesh_executor_cpp.probe FILE DESCRIPTOR

Rules: this is the first time that the plugin's code runs anywhere: it may crash, hang, exit or
write to stdout. So the finding goes to a pipe of its own, and whoever started this judges from the
process's end what it does not say. The pipe gets a line of JSON, `{"stage": …}`, before what may
end the process in another way than loading does, and the finding last. It imports next to nothing:
whoever puts a plugin in place waits for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemesh_cpp_host import Plugin, PluginLoadError
from mesh_service import telling
from mesh_service.telling import Tell

SELF_TEST = "in its self-test"


def look(path: Path, tell: Tell) -> dict[str, Any]:
    """What the plugin says of itself, as `description`; or why it is `refused`."""
    try:
        plugin = Plugin(path)
        text = plugin.describe()
        tell({"stage": SELF_TEST})
        plugin.self_test()
    except PluginLoadError as error:
        return {"refused": f"{error.reason}: {error}"}
    return {"description": text}


if __name__ == "__main__":
    telling.main(look)
