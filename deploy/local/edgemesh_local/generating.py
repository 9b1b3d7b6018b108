"""The stubs: made from the contracts (`make protos`), and compared with what is checked in."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from pathlib import Path

from edgemesh_local.command import run
from edgemesh_local.parts import PartFailed
from edgemesh_local.session import Session
from edgemesh_local.tool_environment import tool_environment
from edgemesh_local.toolchain import GO, Toolchains

_IN_ENVIRONMENT = ("__pycache__", ".venv")


async def protos(session: Session) -> int:
    """Make the stubs where they lie. Raises CommandFailed, MissingTool."""
    await _generate(session, Toolchains(session.layout, session.console), None)
    return 0


async def differs(session: Session, toolchains: Toolchains) -> None:
    """Raises PartFailed where a stub is not what its contract makes today."""
    with tempfile.TemporaryDirectory() as made:
        await _generate(session, toolchains, Path(made))
        different = different_files(Path(made), session.layout.root / "protos")
    if different:
        raise PartFailed("not what the contracts make (run make protos): " + ", ".join(different))


def different_files(made: Path, kept: Path) -> list[str]:
    """Names of generated files that one side lacks or that are unlike."""
    names = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    for pattern in ("edgemesh/**/*_pb2*.py*", "go/**/*.pb.go"):
        names |= {
            path.relative_to(kept).as_posix()
            for path in kept.glob(pattern)
            if not set(_IN_ENVIRONMENT).intersection(path.parts)
        }
    return [
        name
        for name in sorted(names)
        if not (made / name).is_file()
        or not (kept / name).is_file()
        or not filecmp.cmp(made / name, kept / name, shallow=False)
    ]


async def _generate(session: Session, toolchains: Toolchains, out: Path | None) -> None:
    layout, console = session.layout, session.console
    await toolchains.require("go", GO)
    folder = layout.root / "protos"
    tools = await tool_environment(layout, folder / "generate.lock", console)
    env = toolchains.env() | {"PYTHON": str(tools / "bin" / "python")}
    await run(
        "protos/generate.sh",
        [shutil.which("bash") or "bash", str(folder / "generate.sh")],
        cwd=folder,
        env=env | ({"OUT": str(out)} if out else {}),
        log=layout.logs / "protos.log",
        console=console,
    )
