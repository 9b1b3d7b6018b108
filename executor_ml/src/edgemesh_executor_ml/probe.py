"""Looks at a model in a process that is thrown away: what it is, whether it opens and computes.

    python -m edgemesh_executor_ml.probe PATH DESCRIPTOR

Rules: this is the first time that the model's files are read at all, but for `model.json` and
hashes: they may make this process crash, hang or take all memory. The finding goes to the pipe, as
one of `incomplete`, `refused` and `manifest`, that with the algorithms and the most memory it took.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgemesh_executor_ml.derive import derive
from edgemesh_executor_ml.manifest import (
    FILE_NAME,
    BadModel,
    Incomplete,
    Unusable,
    load,
)
from edgemesh_executor_ml.tasks import supported
from mesh_service import telling
from mesh_service.telling import Tell


def look(path: Path, tell: Tell) -> dict[str, Any]:
    """What there is to say of a model."""
    try:
        folder = path.parent if path.is_file() else path
        tell({"stage": "as its headers were read"})
        described = (folder / FILE_NAME).is_file() and path.is_dir()
        manifest = load(path) if described else derive(path)
        supported(manifest.task, manifest.family)
        tell({"stage": "as it was loaded"})
        return _opened(folder, json.loads(manifest.dump())) | {"manifest": asdict(manifest)}
    except Incomplete as error:
        return {"incomplete": str(error)}
    except BadModel as error:
        return {"incomplete" if error.incomplete else "refused": error.problem}
    except (Unusable, OSError) as error:
        return {"refused": str(error)}


def _opened(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """What it can do, and what it takes. Raises BadModel, Unusable."""
    from edgemesh_candle import CandleError, ModelError
    from edgemesh_executor_ml.runner import MlRunner

    try:
        runner = MlRunner({"folder": str(folder), "manifest": manifest})
    except ModelError as error:
        raise Unusable(f"{Path(error.path).name}: {error.reason}") from error
    except CandleError as error:
        raise Unusable(str(error)) from error
    algorithms = [base64.b64encode(a.SerializeToString()).decode() for a in runner.describe()]
    return {"bytes": _most_bytes(), "algorithms": algorithms}


def _most_bytes() -> int:
    found = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    telling.main(look)
