"""Looks at a plugin in a process that is thrown away: load, handshake, describe, self-test.

    python -m edgemesh_executor_cpp.probe FILE DESCRIPTOR

Rules: this is the first time that the plugin's code runs anywhere: it may crash, hang, exit or
write to stdout. So the finding goes to a pipe of its own, and whoever started this judges from the
process's end what it does not say. The pipe gets a line of JSON, `{"stage": …}`, before what may
end the process in another way than loading does, and the finding last. It imports next to nothing:
whoever puts a plugin in place waits for it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgemesh_cpp_host import Plugin, PluginLoadError

SELF_TEST = "in its self-test"

Tell = Callable[[Mapping[str, Any]], None]


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


def main() -> None:
    """Look, tell, leave without running anything of the plugin's again."""
    path, report = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.set_inheritable(report, False)
    with open(report, "wb", buffering=0) as pipe:

        def tell(what: Mapping[str, Any]) -> None:
            pipe.write(f"{json.dumps(what)}\n".encode())

        tell(look(path, tell))
    os._exit(0)


if __name__ == "__main__":
    main()
